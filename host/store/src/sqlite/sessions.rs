//! Sessions as a whole, in SQLite.
//! Does not decide anything: the verbs do.

use async_trait::async_trait;
use taskwright_registry::{CloseOrder, Fence, HostRef, SessionId, SessionOwner, SessionRecord, Task, TaskId};

use super::{SqliteStore, Undecoded, ready};
use crate::{CancelStep, CancelWalk, CloseStep, SessionPage, SessionQuery, Sessions, StoreError, verbs};

#[async_trait]
impl Sessions for SqliteStore {
    async fn open_session(&self, id: &SessionId, owner: Option<SessionOwner>) -> Result<SessionRecord, StoreError> {
        let id = id.clone();
        self.write(move |rows, now| ready(verbs::open_session(rows, &id, owner, now))).await
    }

    async fn session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let id = id.clone();
        self.readers.read(move |rows| ready(verbs::session(rows, &id))).await
    }

    async fn sessions(&self, query: &SessionQuery) -> Result<SessionPage, StoreError> {
        let query = query.clone();
        self.readers.read(move |rows| ready(verbs::sessions(rows, &query))).await
    }

    async fn suspend_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let id = id.clone();
        self.write(move |rows, now| ready(verbs::suspend_session(rows, &id, now))).await
    }

    async fn resume_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let id = id.clone();
        self.write(move |rows, now| ready(verbs::resume_session(rows, &id, now))).await
    }

    async fn close_session(&self, id: &SessionId, order: CloseOrder) -> Result<CloseStep, StoreError> {
        let id = id.clone();
        self.write(move |rows, now| ready(verbs::close_session(rows, &id, order, now))).await
    }

    async fn delete_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let id = id.clone();
        self.write(move |rows, now| ready(verbs::delete_session(rows, &id, now))).await
    }

    async fn ending_sessions(&self, limit: usize) -> Result<Vec<SessionRecord>, StoreError> {
        self.readers.read(move |rows| ready(verbs::ending_sessions(rows, limit))).await
    }

    async fn carry_out_close(&self, id: &SessionId, limit: usize) -> Result<CloseStep, StoreError> {
        let id = id.clone();
        self.write(move |rows, now| ready(verbs::carry_out_close(rows, &id, limit, now))).await
    }

    async fn to_erase(&self, id: &SessionId, limit: usize) -> Result<Vec<TaskId>, StoreError> {
        let id = id.clone();
        self.readers.read(move |rows| ready(verbs::to_erase(rows, &id, limit))).await
    }

    async fn erase(&self, id: &SessionId, tasks: &[TaskId]) -> Result<bool, StoreError> {
        let id = id.clone();
        let tasks = tasks.to_vec();
        self.write(move |rows, _| ready(verbs::erase(rows, &id, &tasks))).await
    }

    async fn transfer(&self, from: &SessionId, tasks: &[TaskId], to: &SessionId) -> Result<Vec<Task>, StoreError> {
        let (from, tasks, to) = (from.clone(), tasks.to_vec(), to.clone());
        let verb = move |rows: &mut super::SqliteRows<'_>, now| {
            let there = ready(verbs::transfer(rows, &from, &tasks, &to, now))?;
            there.into_iter().map(|task| Undecoded::read(rows, task)).collect::<Result<Vec<_>, _>>()
        };
        Ok(self.write(verb).await?.into_iter().map(Undecoded::decode_written).collect())
    }

    async fn cancel_step(
        &self,
        session: &SessionId,
        walk: CancelWalk,
        reason: Option<String>,
    ) -> Result<CancelStep, StoreError> {
        let session = session.clone();
        self.write(move |rows, now| ready(verbs::cancel_step(rows, &session, walk, reason.as_deref(), now))).await
    }

    async fn held_task(&self, host: &HostRef, id: &TaskId) -> Result<Task, StoreError> {
        let (host, id) = (host.clone(), id.clone());
        let read = move |rows: &mut super::SqliteRows<'_>| {
            let task = ready(verbs::held_task(rows, &host, &id))?;
            Undecoded::read(rows, task)
        };
        self.readers.read(read).await?.decode().map_err(StoreError::Unreadable)
    }
    async fn claimed_task(&self, id: &TaskId, claim: Fence) -> Result<Option<Task>, StoreError> {
        let id = id.clone();
        let read = move |rows: &mut super::SqliteRows<'_>| {
            let task = ready(verbs::claimed_task(rows, &id, claim))?;
            task.map(|task| Undecoded::read(rows, task)).transpose()
        };
        self.readers.read(read).await?.map(Undecoded::decode).transpose().map_err(StoreError::Unreadable)
    }
}
