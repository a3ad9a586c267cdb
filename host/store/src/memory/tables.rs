//! The tables of a store in memory.
//! Does not check anything: what is put is kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use taskwright_registry::{Event, MessageId, SessionId, Task, TaskId, Wake};

use super::index::Index;
use crate::rows::StoredMessage;

/// A task with what lies beside its record.
#[derive(Debug)]
pub(super) struct TaskRow {
    /// The record, without its specification.
    pub(super) task: Task,
    /// Its place in order of creation.
    pub(super) place: u64,
    pub(super) spec: Value,
    pub(super) result: Option<Value>,
    pub(super) checkpoint: Option<Vec<u8>>,
    /// Its messages in order of acceptance.
    pub(super) messages: Vec<MessageId>,
}

/// A session.
#[derive(Debug, Default)]
pub(super) struct SessionRow {
    /// Its tasks in order of creation.
    pub(super) tasks: BTreeMap<u64, TaskId>,
    /// Its log; the event at index `i` has the number `i + 1`.
    pub(super) events: Vec<Event>,
    /// Its wakes that have not been acknowledged.
    pub(super) wakes: BTreeMap<u64, Wake>,
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) tasks: HashMap<TaskId, TaskRow>,
    pub(super) sessions: HashMap<SessionId, SessionRow>,
    /// With the message's place in its task.
    pub(super) messages: HashMap<MessageId, (usize, StoredMessage)>,
    /// The causes for which a wake has been written.
    pub(super) wake_causes: HashSet<(TaskId, u32, String)>,
    pub(super) last_wake: u64,
    pub(super) last_place: u64,
    pub(super) index: Index,
}
