//! What can go wrong with a store, sorted by what the caller may conclude from it.
//! Does not hold the core's reasons: those are `Rejection`.

use taskwright_registry::{HostRef, Rejection, SessionId, SessionRejection, TaskId};

use crate::UnreadableRow;

/// What a caller may conclude from a store's error. Every loop that repeats a call asks this, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Nothing has happened, and the same call may do better later.
    Transient,
    /// Nobody knows whether it has happened: read before the call is repeated, unless a repetition is harmless.
    Unknown,
    /// Nothing has happened, and the same call fails the same way each time.
    Permanent,
}

/// Why a store did not do what it was asked for.
///
/// For every variant but `Unknown` nothing has been written. Each store maps the errors of its driver in one place, `failure`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such task in this session. A task of another session looks exactly the same (L23).
    #[error("there is no task {id} in session {session}; `list` shows the ones there are")]
    NotFound {
        /// Where it was looked for.
        session: SessionId,
        /// What was looked for.
        id: TaskId,
    },
    /// The core refused the change.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The id or the idempotency key already stands for a task that was created differently.
    #[error(
        "{key} already stands for a task that was created differently; choose another or repeat the creation unchanged"
    )]
    Conflict {
        /// The id, or the key with its name.
        key: String,
    },
    /// A live task of the session has this name.
    #[error("the name `{name}` is taken by the live task {holder}; choose another or wait for its end")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: TaskId,
    },
    /// A task of the session was created with this idempotency key.
    #[error("the idempotency key `{key}` stands for the task {holder} there")]
    KeyTaken {
        /// The key.
        key: String,
        /// Which task.
        holder: TaskId,
    },
    /// There is no such session.
    #[error("there is no session {session}: open it, or create a task in it")]
    NoSession {
        /// What was looked for.
        session: SessionId,
    },
    /// The session does not do what was asked of it.
    #[error("session {session}: {reason}")]
    SessionRejected {
        /// Which.
        session: SessionId,
        /// Why not.
        reason: SessionRejection,
    },
    /// The host has no instance of this task.
    #[error("the host {} has no instance of {id} in its epoch {}", host.id.as_str(), host.epoch)]
    NotHeld {
        /// Who asked.
        host: HostRef,
        /// Which task.
        id: TaskId,
    },
    /// The host does not hold the lease of this epoch, or not any more.
    #[error(
        "the host {} does not hold the lease of its epoch {}: it must stop its instances and begin a new epoch",
        host.id.as_str(), host.epoch
    )]
    LeaseLost {
        /// Who asked, and by which epoch.
        host: HostRef,
    },
    /// The store cannot be used now. Nothing has happened; trying again is safe.
    #[error("the store cannot be used now, and nothing has been written: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// The store did not say whether it has done it. Read before trying again.
    #[error("the store failed while it was writing, and whether it has written is not known: {reason}")]
    Unknown {
        /// Why.
        reason: String,
    },
    /// The database refuses this write for what is in it, such as a text that its encoding cannot hold or a value that is too large.
    #[error("the store refuses what was to be written, and would again; nothing has been written: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// What was opened is not there any more: its file or its tables were removed, or others are in their place.
    #[error(
        "the store that was opened is gone, and nothing was written to what is there now: {reason}. End this process and start it again"
    )]
    Gone {
        /// What was found.
        reason: String,
    },
    /// The store was written by a newer version.
    #[error(
        "the store has schema {found}, this version knows schemas up to {supported}: use a newer version; it was not touched"
    )]
    NewerSchema {
        /// What the file says.
        found: u32,
        /// What this version can read.
        supported: u32,
    },
    /// One row cannot be read: what is asked needs it. Everything else goes on; [`Repair`](crate::Repair) ends or deletes what it
    /// belongs to.
    #[error("{0}; it concerns nothing else, and can be ended or deleted as it is")]
    Unreadable(UnreadableRow),
    /// The store holds something that it cannot hold, or is none.
    #[error("the store is damaged or is none, and was not touched: {reason}")]
    Corrupt {
        /// What was found.
        reason: String,
    },
}

impl StoreError {
    /// What may be concluded from it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable { .. } => ErrorClass::Transient,
            Self::Unknown { .. } => ErrorClass::Unknown,
            _ => ErrorClass::Permanent,
        }
    }

    /// Whether the same call may do better later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.class() != ErrorClass::Permanent
    }
}
