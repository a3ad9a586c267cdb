//! The functions that a kind may call, and what can happen at such a call.
//! It does not call anything.

use crate::message::Part;

/// A function of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are named like the functions of the contract, which say what they do")]
pub enum Call {
    State,
    Progress,
    Output,
    Post,
    RequestInput,
    Draft,
    Artifact,
    Link,
    Checkpoint,
    CancelRequested,
    IdempotencyKey,
    Sleep,
    Send,
    Spawn,
    Children,
    Child,
    ChildResult,
    WaitChildren,
    CancelChild,
    MessageChild,
}

/// Something that the session does while the kind works.
#[derive(Debug, Clone, PartialEq)]
pub enum Stimulus {
    /// It cancels the task, for a reason if it gives one.
    Cancel(Option<String>),
    /// It sends a message.
    Message(Part),
}

impl Stimulus {
    /// It cancels the task.
    pub fn cancel(reason: &str) -> Self {
        Self::Cancel(Some(reason.to_owned()))
    }

    /// It sends a message.
    pub fn message(part: impl Into<Part>) -> Self {
        Self::Message(part.into())
    }
}
