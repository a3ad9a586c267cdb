//! What a session's log says happened.
//! Does not number or store events: a store gives each its place in the session's sequence.

use serde::{Deserialize, Serialize};

use crate::{Message, SessionId, Task, TaskId, Timestamp};

/// One entry of a session's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The session.
    pub session_id: SessionId,
    /// Its place in the session's log: 1, 2, 3, ... without a gap (L25).
    pub seq: u64,
    /// The task.
    pub task_id: TaskId,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum EventBody {
    /// A task was created.
    #[serde(rename = "task.created")]
    Created {
        /// The record, without its specification.
        task: Box<Task>,
    },
    /// A task changed in a way that its session can see.
    #[serde(rename = "task.updated")]
    Updated {
        /// The record after the change, without its specification.
        task: Box<Task>,
        /// The names of the record's fields that changed.
        changes: Vec<String>,
    },
    /// The session sent the task a message.
    #[serde(rename = "task.message.sent")]
    MessageSent {
        /// The message.
        message: Message,
    },
    /// The task sent the session a message.
    #[serde(rename = "task.message.received")]
    MessageReceived {
        /// The message.
        message: Message,
    },
    /// The task moved to another session.
    #[serde(rename = "task.transferred")]
    Transferred {
        /// From where.
        from: SessionId,
        /// To where.
        to: SessionId,
        /// The record as it moved, without its specification.
        task: Box<Task>,
    },
    /// The store holds an entry here that it cannot read. It stands in for it, so that the log has no gap; nobody writes one.
    #[serde(rename = "event.unreadable")]
    Unreadable {
        /// The type of the entry.
        was: String,
        /// Why it cannot be read.
        problem: String,
    },
}

impl EventBody {
    /// The event's type, such as `task.updated`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            EventBody::Created { .. } => "task.created",
            EventBody::Updated { .. } => "task.updated",
            EventBody::MessageSent { .. } => "task.message.sent",
            EventBody::MessageReceived { .. } => "task.message.received",
            EventBody::Transferred { .. } => "task.transferred",
            EventBody::Unreadable { .. } => "event.unreadable",
        }
    }

    /// The record that the event carries, if it carries one.
    #[must_use]
    pub fn task(&self) -> Option<&Task> {
        match self {
            EventBody::Created { task } | EventBody::Updated { task, .. } | EventBody::Transferred { task, .. } => {
                Some(task)
            }
            _ => None,
        }
    }
}
