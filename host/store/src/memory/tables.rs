//! The tables of a store in memory.
//! Does not check anything: what is put is kept.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use serde_json::Value;
use taskwright_registry::{Event, HostRef, MessageId, SessionId, SessionRecord, Task, TaskId, Timestamp, Wake};

use super::index::Index;
use super::listing::Listing;
use super::session_index::SessionIndex;
use crate::rows::{LeaseRow, StoredMessage};

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
    /// Its record, once it is open.
    pub(super) record: Option<SessionRecord>,
    /// Under what nothing begins any more.
    pub(super) canceled: HashSet<String>,
    /// Its tasks in order of creation.
    pub(super) tasks: BTreeMap<u64, TaskId>,
    /// What is left of its log; the event at index `i` has the number `trimmed + i + 1`.
    pub(super) events: VecDeque<Event>,
    /// How many of its events have been taken away.
    pub(super) trimmed: u64,
    /// Its wakes that have not been acknowledged.
    pub(super) wakes: BTreeMap<u64, Wake>,
}

impl SessionRow {
    /// The number of its last event, 0 if it has had none.
    pub(super) fn last_seq(&self) -> u64 {
        self.trimmed + self.events.len() as u64
    }
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) tasks: HashMap<TaskId, TaskRow>,
    pub(super) sessions: BTreeMap<SessionId, SessionRow>,
    /// With the message's place in its task.
    pub(super) messages: HashMap<MessageId, (usize, StoredMessage)>,
    /// The causes for which a wake has been written, by task and attempt.
    pub(super) wake_causes: HashMap<TaskId, HashSet<(u32, String)>>,
    /// The order of all sessions' events, for those that are left.
    pub(super) log: VecDeque<(Timestamp, SessionId)>,
    pub(super) leases: BTreeMap<HostRef, LeaseRow>,
    pub(super) last_wake: u64,
    /// Which host delivers the wakes of a session.
    pub(super) wake_claims: HashMap<SessionId, HostRef>,
    /// The sessions with wakes that have not been acknowledged, by their turns.
    pub(super) woken: BTreeMap<u64, SessionId>,
    pub(super) last_place: u64,
    /// How many tasks were removed.
    pub(super) forgotten: u64,
    pub(super) index: Index,
    pub(super) listing: Listing,
    pub(super) session_index: SessionIndex,
}
