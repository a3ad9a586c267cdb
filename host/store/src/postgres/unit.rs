//! What a transaction knows of the database, and what it has not written there yet.
//! Does not speak with the server: `flush` writes it, and rows that it does not know are read.
//!
//! A verb looks up what it was announced to look up, and writes row by row. Here what was announced is read at once, and what is
//! written waits until it goes as one statement for each table, however many verbs share the transaction.

use std::collections::{BTreeMap, HashMap};

use taskwright_registry::{MessageId, SessionId, SessionRecord, Task, TaskId};

use crate::rows::{NewWake, StoredMessage};
use crate::unreadable::Read;

use super::pipeline::Owned;

/// A session whose row this transaction has locked.
#[derive(Debug, Clone)]
pub(super) struct KnownSession {
    pub(super) no: i64,
    /// None while only its name is locked.
    pub(super) record: Option<Read<SessionRecord>>,
    /// The last number of its log, with what waits to be written.
    pub(super) last_seq: i64,
    /// Whether `record` waits to be written.
    pub(super) changed: bool,
    /// Whether events wait to be written.
    pub(super) logged: bool,
    /// Whether this transaction has made the row.
    pub(super) made: bool,
}

/// A task as it is in this transaction.
#[derive(Debug, Clone)]
pub(super) struct KnownTask {
    /// Without its specification.
    pub(super) task: Task,
    /// The record as it is written; none if it was only read.
    pub(super) text: Option<String>,
    /// The specification, if it was read or is to be written.
    pub(super) spec: Option<String>,
    /// The version that lies in the database; none if the task does not lie there yet.
    pub(super) stored: Option<u64>,
    /// Whether it waits to be written.
    pub(super) waits: bool,
}

/// An event that waits to be written.
#[derive(Debug)]
pub(super) struct NewEvent {
    pub(super) session: i64,
    pub(super) seq: i64,
    pub(super) at: i64,
    pub(super) task: String,
    pub(super) kind: &'static str,
    pub(super) changes: Option<String>,
    pub(super) body: String,
}

/// A message that waits to be written.
#[derive(Debug)]
pub(super) struct UnsentMessage {
    pub(super) id: String,
    pub(super) task: String,
    pub(super) direction: &'static str,
    pub(super) answered: bool,
    pub(super) body: String,
}

/// What is known and what waits.
#[derive(Default)]
pub(super) struct Unit {
    pub(super) sessions: HashMap<SessionId, KnownSession>,
    /// Tasks that are there, and ids of which none is.
    pub(super) tasks: HashMap<TaskId, Option<KnownTask>>,
    /// Tasks that are there and whose records cannot be read, and why; `tasks` has none of them.
    pub(super) unreadable: HashMap<TaskId, String>,
    pub(super) keys: HashMap<(SessionId, String), Option<TaskId>>,
    pub(super) messages: HashMap<MessageId, Option<Read<StoredMessage>>>,
    /// Whether tasks have children, where that was looked up.
    pub(super) parents: HashMap<TaskId, bool>,
    /// Tasks that wait to be removed, with the numbers of their sessions.
    pub(super) removed: Vec<(i64, TaskId)>,
    /// How many tasks were ever removed.
    pub(super) forgotten: Option<u64>,
    /// Tasks that wait to be written, in the order in which they were first written.
    pub(super) order: Vec<TaskId>,
    pub(super) results: BTreeMap<TaskId, String>,
    pub(super) checkpoints: BTreeMap<TaskId, Vec<u8>>,
    pub(super) new_messages: Vec<UnsentMessage>,
    /// What has become of messages, in order.
    pub(super) message_steps: Vec<(&'static str, Vec<Owned>)>,
    pub(super) events: Vec<NewEvent>,
    pub(super) wakes: Vec<(i64, NewWake)>,
    /// Roughly how many bytes wait.
    pub(super) bytes: usize,
    /// How often something was written.
    pub(super) writes: u64,
}

impl Unit {
    /// A task that is there.
    pub(super) fn task(&self, id: &TaskId) -> Option<&KnownTask> {
        self.tasks.get(id)?.as_ref()
    }

    /// Forgets a task, which is about to be removed from under the session of this number.
    pub(super) fn remove(&mut self, session: i64, id: &TaskId) {
        self.wrote(64);
        self.removed.push((session, id.clone()));
        self.tasks.insert(id.clone(), None);
        self.unreadable.remove(id);
        for known in self.keys.values_mut().filter(|known| known.as_ref() == Some(id)) {
            *known = None;
        }
        let other = |known: &Read<StoredMessage>| known.as_ref().is_ok_and(|known| known.message.task_id != *id);
        self.messages.retain(|_, known| known.as_ref().is_none_or(other));
        // Its parent may have no other child.
        self.parents.clear();
        self.forgotten = None;
    }

    /// Notes that something waits.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.writes += 1;
    }

    /// Forgets what it knows of tasks: something was written past it. What is locked stays locked, and as it is.
    pub(super) fn forget(&mut self) {
        self.tasks.clear();
        self.unreadable.clear();
        self.keys.clear();
        self.messages.clear();
        self.parents.clear();
        self.forgotten = None;
    }
}
