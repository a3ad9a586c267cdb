//! A wish to change a task. An absent field leaves its part as it is.
//! Does not judge the wish: `transition` does.

use serde_json::Value;

use crate::{Artifact, Budget, Fence, HostRef, Links, Progress, Schema, State, TaskError, Timestamp, Usage};

/// Why the attempt number grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supersede {
    /// The attempt failed and may be tried again at this time.
    Retry {
        /// When.
        at: Timestamp,
    },
    /// The host of the attempt was lost; the next one may begin at once.
    Reattach,
}

/// What the runner does with the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DispatchChange {
    /// A host makes an instance. The claim number grows; a queued task starts to run.
    Claim {
        /// Which host.
        host: HostRef,
        /// Which code the instance is of; `None` for code that has no name, such as that of a native kind. The first claim
        /// that names one binds the task to it (L43).
        code: Option<String>,
    },
    /// The instance is dropped until `until`, or for as long as it takes a message or a cancel to arrive.
    Hibernate {
        /// When the task is to be looked at again.
        until: Option<Timestamp>,
        /// How many unread messages the instance was offered before it began and has left alone: they do not make the task
        /// due again.
        ignored: u32,
    },
    /// The instance is dropped and the task given back to whichever host comes next, within the same attempt.
    Release,
}

/// A question that is to be asked. Its id is made where the question is accepted, so that none is ever used twice (L12).
#[derive(Debug, Clone, PartialEq)]
pub struct NewInputRequest {
    /// What is asked.
    pub prompt: String,
    /// What an answer must satisfy.
    pub expected: Option<Schema>,
    /// Random bits for the id.
    pub random: [u8; 10],
}

/// A wish to change a task. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskUpdate {
    /// The writer. `None` is for the host's own decisions about a task nobody holds.
    pub fence: Option<Fence>,
    /// The state to go to.
    pub state: Option<State>,
    /// What the task is doing; `Some(None)` clears it.
    pub state_detail: Option<Option<String>>,
    /// Replaces the progress.
    pub progress: Option<Progress>,
    /// Asks the session something.
    pub input_request: Option<NewInputRequest>,
    /// Replaces the summary.
    pub summary: Option<String>,
    /// Replaces the result.
    pub result: Option<Value>,
    /// Artifacts to append.
    pub artifacts: Vec<Artifact>,
    /// Links to merge.
    pub links: Links,
    /// Replaces the error.
    pub error: Option<TaskError>,
    /// Replaces the checkpoint.
    pub checkpoint: Option<Vec<u8>>,
    /// Consumption to add.
    pub usage: Usage,
    /// What the instance that used it was allowed.
    pub allowed: Option<Budget>,
    /// Ends the attempt and makes room for the next.
    pub supersede: Option<Supersede>,
    /// What happens to the instance.
    pub dispatch: Option<DispatchChange>,
    /// The instance has been told of the cancel.
    pub cancel_delivered: bool,
    /// A sign of life; makes no event (L26).
    pub heartbeat: bool,
    /// The session has taken note of how the hidden task ended (L54).
    pub reported: bool,
}

impl TaskUpdate {
    /// Whether the update asks for anything that only a live task may get.
    #[must_use]
    pub fn asks_for_life(&self) -> bool {
        self.state_detail.is_some()
            || self.progress.is_some()
            || self.input_request.is_some()
            || self.checkpoint.is_some()
            || self.supersede.is_some()
            || self.dispatch.is_some()
            || self.cancel_delivered
            || self.heartbeat
            || self.usage != Usage::default()
            || self.allowed.is_some()
    }
}
