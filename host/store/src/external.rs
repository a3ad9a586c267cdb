//! The part of the store's contract that is about work done elsewhere.
//! Does not say how: the conformance suite checks that all stores do it alike.

use async_trait::async_trait;
use taskwright_registry::{AttemptToken, Cancel, HostRef, SessionId, TaskId};

use crate::{Claimed, PageLimit, StoreError};

/// A wish to end a task that whoever does its work elsewhere has not been told of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalCancel {
    /// The task's session.
    pub session_id: SessionId,
    /// Which task.
    pub task_id: TaskId,
    /// Whoever has it; nobody, if it has been given back.
    pub token: Option<AttemptToken>,
    /// What the link to the work elsewhere says.
    pub remote_task_id: Option<String>,
    /// Since when its end is wanted, and why.
    pub cancel: Cancel,
}

/// One page of such wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalCancelPage {
    /// The wishes, by their tasks' creation.
    pub cancels: Vec<ExternalCancel>,
    /// What to pass as `after` for the next page, if there is one.
    pub next: Option<u64>,
    /// The limit that held.
    pub limit: PageLimit,
}

/// The verbs of a store that are about work done elsewhere. What `Store` says of durability, errors and order holds here too.
#[async_trait]
pub trait ExternalWork: Send + Sync + 'static {
    /// Gives a task whose work is done elsewhere to `holder`, with its checkpoint and its unread messages (L52). Whoever had it is
    /// superseded. `remote` names the work where it is done, and stays as it was if it is `None`.
    ///
    /// # Errors
    /// `NotFound`; `Rejected` with `Terminal`, `TooLarge`, or `Invalid` if hosts run the task.
    async fn take_on(
        &self,
        session: &SessionId,
        id: &TaskId,
        holder: &HostRef,
        remote: Option<String>,
    ) -> Result<Claimed, StoreError>;

    /// The outbox of cancels: wishes to end tasks that whoever does their work elsewhere has not been told of, behind a place in
    /// the order of creation, at most `limit` (clamped to 1..=1,000). An update with `cancel_delivered` takes one out.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn external_cancels(&self, after: u64, limit: usize) -> Result<ExternalCancelPage, StoreError>;

    /// Tasks whose work is done elsewhere and that a host is to end: their deadline has come or their cancel is forced. At most
    /// `limit` (clamped to 1..=1,000), those that have waited longest first.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn external_overdue(&self, limit: usize) -> Result<Vec<(SessionId, TaskId)>, StoreError>;
}
