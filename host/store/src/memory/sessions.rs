//! Sessions as a whole, in memory.
//! Does not decide anything: the verbs do.

use async_trait::async_trait;
use taskwright_registry::{CloseOrder, Fence, HostRef, SessionId, SessionOwner, SessionRecord, Task, TaskId};

use super::MemoryStore;
use crate::{CancelStep, CancelWalk, CloseStep, SessionPage, SessionQuery, Sessions, StoreError, verbs};

#[async_trait]
impl Sessions for MemoryStore {
    async fn open_session(&self, id: &SessionId, owner: Option<SessionOwner>) -> Result<SessionRecord, StoreError> {
        self.transact(async |rows, now| verbs::open_session(rows, id, owner, now).await)
    }

    async fn session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        self.transact(async |rows, _| verbs::session(rows, id).await)
    }

    async fn sessions(&self, query: &SessionQuery) -> Result<SessionPage, StoreError> {
        self.transact(async |rows, _| verbs::sessions(rows, query).await)
    }

    async fn suspend_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        self.transact(async |rows, now| verbs::suspend_session(rows, id, now).await)
    }

    async fn resume_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        self.transact(async |rows, now| verbs::resume_session(rows, id, now).await)
    }

    async fn close_session(&self, id: &SessionId, order: CloseOrder) -> Result<CloseStep, StoreError> {
        self.transact(async |rows, now| verbs::close_session(rows, id, order, now).await)
    }

    async fn delete_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        self.transact(async |rows, now| verbs::delete_session(rows, id, now).await)
    }

    async fn ending_sessions(&self, limit: usize) -> Result<Vec<SessionRecord>, StoreError> {
        self.transact(async |rows, _| verbs::ending_sessions(rows, limit).await)
    }

    async fn carry_out_close(&self, id: &SessionId, limit: usize) -> Result<CloseStep, StoreError> {
        self.transact(async |rows, now| verbs::carry_out_close(rows, id, limit, now).await)
    }

    async fn to_erase(&self, id: &SessionId, limit: usize) -> Result<Vec<TaskId>, StoreError> {
        self.transact(async |rows, _| verbs::to_erase(rows, id, limit).await)
    }

    async fn erase(&self, id: &SessionId, tasks: &[TaskId]) -> Result<bool, StoreError> {
        self.transact(async |rows, _| verbs::erase(rows, id, tasks).await)
    }

    async fn transfer(&self, from: &SessionId, tasks: &[TaskId], to: &SessionId) -> Result<Vec<Task>, StoreError> {
        self.transact(async |rows, now| {
            let there = verbs::transfer(rows, from, tasks, to, now).await?;
            Ok(there.into_iter().map(|task| rows.complete(task)).collect())
        })
    }

    async fn cancel_step(
        &self,
        session: &SessionId,
        walk: CancelWalk,
        reason: Option<String>,
    ) -> Result<CancelStep, StoreError> {
        self.transact(async |rows, now| verbs::cancel_step(rows, session, walk, reason.as_deref(), now).await)
    }

    async fn held_task(&self, host: &HostRef, id: &TaskId) -> Result<Task, StoreError> {
        self.transact(async |rows, _| {
            let task = verbs::held_task(rows, host, id).await?;
            Ok(rows.complete(task))
        })
    }
    async fn claimed_task(&self, id: &TaskId, claim: Fence) -> Result<Option<Task>, StoreError> {
        self.transact(async |rows, _| {
            let task = verbs::claimed_task(rows, id, claim).await?;
            Ok(task.map(|task| rows.complete(task)))
        })
    }
}
