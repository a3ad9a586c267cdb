//! Rows that cannot be read: finding them, and ending, deleting or mending what they belong to.
//! Does not touch a task or session that can be read.

use async_trait::async_trait;
use taskwright_registry::{SessionId, SessionRecord, Task, TaskId};

use crate::{StoreError, UnreadableKind, UnreadableRow};

/// Rows that are looked at in one call.
pub(crate) const LOOKED_AT: usize = 500;

/// The order in which rows are looked at.
pub(crate) const ALL: [UnreadableKind; 7] = [
    UnreadableKind::Session,
    UnreadableKind::Task,
    UnreadableKind::Spec,
    UnreadableKind::Result,
    UnreadableKind::Message,
    UnreadableKind::Event,
    UnreadableKind::Wake,
];

/// How far the rows of a store have been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadablePlace {
    pub(crate) what: UnreadableKind,
    pub(crate) row: u64,
}

/// What cannot be read of the rows that one call has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadablePage {
    /// The rows, in the order in which they were written.
    pub rows: Vec<UnreadableRow>,
    /// What to pass as `after` to look at further rows, if there are any: also behind a page in which nothing was found.
    pub next: Option<UnreadablePlace>,
}

/// The verbs of a store that are about rows which cannot be read: damaged ones, and what a version has written that is no more. All
/// other verbs pass such rows by, and answer `Unreadable` where they are asked for one. What `Store` says of durability, errors
/// and order holds here too.
#[async_trait]
pub trait Repair: Send + Sync + 'static {
    /// Looks at the next 500 rows behind a place (from the beginning without one), of all sessions, and names those that cannot be
    /// read. Reads all of what it looks at.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn unreadable(&self, after: Option<UnreadablePlace>) -> Result<UnreadablePage, StoreError>;

    /// Ends a task of which the record, the specification or a message to it cannot be read: it has failed with the error
    /// `unreadable`, and its record can be read from then on. What could be read of the record is kept; a specification that
    /// could not is `null`. One that is over stays as it ended.
    ///
    /// # Errors
    /// `NotFound`; `Rejected(Invalid)` for a task that can be read.
    async fn end_unreadable(&self, session: &SessionId, id: &TaskId) -> Result<Task, StoreError>;

    /// Deletes a task of which anything cannot be read, in whatever state it is, with its messages, its result, its checkpoint and
    /// its wakes. Its events stay in the log. An instance of it is stopped at its next report.
    ///
    /// # Errors
    /// `NotFound`; `Rejected(Invalid)` for a task that can be read.
    async fn delete_unreadable(&self, session: &SessionId, id: &TaskId) -> Result<(), StoreError>;

    /// Gives a session of which the record cannot be read a record again. What could be read of it is kept; where its state could
    /// not, the session is suspended: its tasks go on, and its wakes wait until it is resumed, closed or deleted.
    ///
    /// # Errors
    /// `NoSession`; `Rejected(Invalid)` for a session that can be read.
    async fn mend_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError>;
}
