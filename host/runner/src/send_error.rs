//! Why a message was not sent: one word for each thing that its sender can do about it.
//! Does not say what became of a message that was sent: that it is durable is all that is known then.

use taskwright_registry::{Rejection, SessionId, State, TaskId};
use taskwright_store::StoreError;

/// Why a message was not sent. But for `Store(Unknown)` nothing has been written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no such task in this session. A task of another session looks exactly the same (L23).
    #[error("there is no task {id} in session {session}; `list` shows the ones there are")]
    NotFound {
        /// Where it was looked for.
        session: SessionId,
        /// What was looked for.
        id: TaskId,
    },
    /// The task is over and takes no messages any more.
    #[error("task {id} is over: it is {state} and takes no messages any more; create another task")]
    Terminated {
        /// The task.
        id: TaskId,
        /// How it ended.
        state: State,
    },
    /// The task's kind takes answers to its questions alone, as it says of itself.
    #[error("task {id} takes no messages: its kind `{kind}` takes answers to its questions alone")]
    NotAccepting {
        /// The task.
        id: TaskId,
        /// Its kind.
        kind: String,
    },
    /// The task has as many messages as it may have that no instance has taken.
    #[error("the inbox of task {id} is full: {allowed} messages wait to be taken; send again when it has read some")]
    Full {
        /// The task.
        id: TaskId,
        /// How many may wait.
        allowed: usize,
    },
    /// The message itself is not acceptable: it is empty or too large, or an answer that is not as expected.
    #[error("the message to task {id} is refused: {rejection}")]
    Refused {
        /// The task.
        id: TaskId,
        /// What is wrong with it.
        rejection: Rejection,
    },
    /// The store's reason.
    #[error(transparent)]
    Store(StoreError),
}

impl SendError {
    /// What a store's refusal of a message to a task means to its sender.
    #[must_use]
    pub fn of_store(id: &TaskId, error: StoreError) -> Self {
        match error {
            StoreError::NotFound { session, id } => Self::NotFound { session, id },
            StoreError::Rejected(Rejection::Terminal { state }) => Self::Terminated { id: id.clone(), state },
            StoreError::Rejected(Rejection::NotAccepting { kind }) => Self::NotAccepting { id: id.clone(), kind },
            StoreError::Rejected(Rejection::TooLarge { field: "inbox", allowed, .. }) => {
                Self::Full { id: id.clone(), allowed }
            }
            StoreError::Rejected(rejection) => Self::Refused { id: id.clone(), rejection },
            other => Self::Store(other),
        }
    }
}
