//! The part of the store's contract that is about sessions as a whole: their life, transfer, and cancels of many tasks.
//! Does not say how: the conformance suite checks that all stores do it alike.

use async_trait::async_trait;
use taskwright_registry::{
    CloseOrder, Fence, HostRef, SessionId, SessionOwner, SessionRecord, SessionState, Task, TaskId,
};

use crate::{CancelStep, CancelWalk, PageLimit, StoreError, UnreadableRow};

/// A request for one page of sessions, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionQuery {
    /// Only these states; empty for all.
    pub states: Vec<SessionState>,
    /// The last session of the page before, exclusive. It need not exist.
    pub after: Option<SessionId>,
    /// How many; clamped to 1..=500.
    pub limit: usize,
}

impl SessionQuery {
    /// The largest page.
    pub const MAX_LIMIT: usize = 500;
}

impl Default for SessionQuery {
    fn default() -> Self {
        Self { states: Vec::new(), after: None, limit: 100 }
    }
}

/// One page of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// The sessions, by id.
    pub sessions: Vec<SessionRecord>,
    /// What to pass as `after` for the next page, if there is one.
    pub next: Option<SessionId>,
    /// The limit that held.
    pub limit: PageLimit,
    /// What would stand in the page, and cannot be read.
    pub unreadable: Vec<UnreadableRow>,
}

/// A step of closing a session.
#[derive(Debug, Clone, PartialEq)]
pub struct CloseStep {
    /// The session as it is now.
    pub session: SessionRecord,
    /// The tasks that were never started and are over with this step (L20), without their specifications.
    pub ended: Vec<Task>,
}

/// The verbs of a store that are about sessions as a whole. What `Store` says of durability, errors and order holds here too.
///
/// Whoever has a store has all sessions: these verbs are the embedder's, and none of them is in the reach of a kind.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    /// Opens a session, or finds the one that was opened alike. A session that has got its first task before is open without.
    ///
    /// # Errors
    /// `SessionRejected` with `Over` or `OtherOwner`.
    async fn open_session(&self, id: &SessionId, owner: Option<SessionOwner>) -> Result<SessionRecord, StoreError>;

    /// Reads a session.
    ///
    /// # Errors
    /// `NoSession`.
    async fn session(&self, id: &SessionId) -> Result<SessionRecord, StoreError>;

    /// Lists sessions.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn sessions(&self, query: &SessionQuery) -> Result<SessionPage, StoreError>;

    /// Lets a session's wakes wait; its tasks go on (L47). Idempotent.
    ///
    /// # Errors
    /// `NoSession`; `SessionRejected(Over)`.
    async fn suspend_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError>;

    /// Lets a session be woken again, also for what has waited. Idempotent.
    ///
    /// # Errors
    /// `NoSession`; `SessionRejected(Over)`.
    async fn resume_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError>;

    /// Plans the end of a session (L46). From its return on nothing begins in it, and each of its live tasks ends, moves or
    /// stays as its close policy says; the first 500 of them have by then. Whoever finds the session among `ending_sessions`
    /// goes on with `carry_out_close`. Idempotent.
    ///
    /// # Errors
    /// `NoSession`; `SessionRejected` with `OwnSuccessor`, `OtherSuccessor`, `NeedsSuccessor`, or `Over` and `Canceled` of the
    /// successor; what `transfer` would say of a task that could not move: `NameTaken`, `KeyTaken`, `SessionRejected` with
    /// `TooMany` or `ParentStays`. Nothing is closed then.
    async fn close_session(&self, id: &SessionId, order: CloseOrder) -> Result<CloseStep, StoreError>;

    /// Wishes a closed session to be deleted with everything in it, once nothing in it is live. Idempotent.
    ///
    /// # Errors
    /// `NoSession`; `SessionRejected(NotClosed)`.
    async fn delete_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError>;

    /// Sessions whose end is planned and not carried out, by id, at most `limit` (clamped to 1..=500).
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn ending_sessions(&self, limit: usize) -> Result<Vec<SessionRecord>, StoreError>;

    /// Does what closing means for the next live tasks of a session, at most `limit` (clamped to 1..=500), and returns the
    /// session: it is closed when all were looked at. A task that cannot move any more, because its name or key has been taken
    /// in the successor or that has been closed, is canceled. Does nothing to a session that is not closing.
    ///
    /// # Errors
    /// `NoSession`.
    async fn carry_out_close(&self, id: &SessionId, limit: usize) -> Result<CloseStep, StoreError>;

    /// The next tasks of a session that is to be deleted and in which nothing is live, at most `limit` (clamped to 1..=500).
    /// None for any other session. Their files can be removed before `erase`.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn to_erase(&self, id: &SessionId, limit: usize) -> Result<Vec<TaskId>, StoreError>;

    /// Forgets tasks of a session that is to be deleted, and a part of its log; the session itself with the last of them. Says
    /// whether the session is gone. Does nothing to any other session, and passes over tasks that are not its own.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn erase(&self, id: &SessionId, tasks: &[TaskId]) -> Result<bool, StoreError>;

    /// Moves tasks to another session, with all that instances of theirs have begun, their messages, files and wakes that
    /// nobody has acknowledged: all of them or none (L48). Instances go on, and what they write lands in the new session. Returns
    /// the records, those that were named first. Moving a task to where it is does nothing.
    ///
    /// # Errors
    /// `NotFound` for the first that is not in `from`; `NameTaken`, `KeyTaken`; `SessionRejected` with `ParentStays`, `TooMany`
    /// (1,000 with children), or `Over` and `Canceled` of `to`. Nothing has moved then.
    async fn transfer(&self, from: &SessionId, tasks: &[TaskId], to: &SessionId) -> Result<Vec<Task>, StoreError>;

    /// Takes the next step of wanting the end of many tasks at once (L49), through tasks that are over, and into sessions that were
    /// opened on behalf of what is canceled: about 500 tasks in one transaction, so that nobody waits for long. Under a tree or a
    /// run nothing begins any more, from the first step on below its root, and below each task once that is asked. Goes on with the
    /// walk that it returns until there is none.
    ///
    /// # Errors
    /// `NotFound` for the root of a tree; `Rejected(TooLarge)` for the reason. A run that nobody knows has no tasks. The steps before
    /// stand, and a walk that begins anew goes on behind them.
    async fn cancel_step(
        &self,
        session: &SessionId,
        walk: CancelWalk,
        reason: Option<String>,
    ) -> Result<CancelStep, StoreError>;

    /// The record of a task as the host sees it that has an instance of it, whichever session it is in by now.
    ///
    /// # Errors
    /// `NotHeld` if the host has no instance of it.
    async fn held_task(&self, host: &HostRef, id: &TaskId) -> Result<Task, StoreError>;

    /// The record of a task as the instance of a claim sees it, whichever session it is in by now, and also when it is over.
    /// `None` if there is none, if another claim is newer, or if its id is another task's by now. The attempt does not count: it
    /// may have ended.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn claimed_task(&self, id: &TaskId, claim: Fence) -> Result<Option<Task>, StoreError>;
}
