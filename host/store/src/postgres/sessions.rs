//! Sessions as a whole, in PostgreSQL.
//! Does not decide anything: the verbs do.

use async_trait::async_trait;
use taskwright_registry::{CloseOrder, Fence, HostRef, SessionId, SessionOwner, SessionRecord, Task, TaskId};

use super::about::About;
use super::{PostgresStore, of, whole};
use crate::{CancelStep, CancelWalk, CloseStep, SessionPage, SessionQuery, Sessions, StoreError, UnreadableRow, verbs};

#[async_trait]
impl Sessions for PostgresStore {
    async fn open_session(&self, id: &SessionId, owner: Option<SessionOwner>) -> Result<SessionRecord, StoreError> {
        let of_owner = owner.as_ref().map(|owner| owner.session_id.clone());
        // The owner's session is locked too, so that what is canceled there is seen here; it need not be there.
        let (about, id) = (About::begun([id.clone()]).and(of_owner), id.clone());
        let verb = verb!(rows, now, [id, owner], verbs::open_session(rows, &id, owner, now.at).await);
        self.write_alone(about, verb).await
    }

    async fn session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let id = id.clone();
        self.glance(read!(rows, verbs::session(rows, &id).await)).await
    }

    async fn sessions(&self, query: &SessionQuery) -> Result<SessionPage, StoreError> {
        let query = query.clone();
        self.read(read!(rows, verbs::sessions(rows, &query).await)).await
    }

    async fn suspend_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let (about, id) = (of(id), id.clone());
        self.write_alone(about, verb!(rows, now, [id], verbs::suspend_session(rows, &id, now.at).await)).await
    }

    async fn resume_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let (about, id) = (of(id), id.clone());
        self.write_alone(about, verb!(rows, now, [id], verbs::resume_session(rows, &id, now.at).await)).await
    }

    async fn close_session(&self, id: &SessionId, order: CloseOrder) -> Result<CloseStep, StoreError> {
        let (about, id) = (About::begun(order.successor.clone()).and([id.clone()]), id.clone());
        let verb = verb!(rows, now, [id, order], verbs::close_session(rows, &id, order, now.at).await);
        self.write_alone(about, verb).await
    }

    async fn delete_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let (about, id) = (of(id), id.clone());
        self.write_alone(about, verb!(rows, now, [id], verbs::delete_session(rows, &id, now.at).await)).await
    }

    async fn ending_sessions(&self, limit: usize) -> Result<Vec<SessionRecord>, StoreError> {
        self.glance(read!(rows, verbs::ending_sessions(rows, limit).await)).await
    }

    async fn carry_out_close(&self, id: &SessionId, limit: usize) -> Result<CloseStep, StoreError> {
        // A close is not changed once it is planned.
        let successor = self.session(id).await?.successor;
        let (about, id) = (About::begun(successor).and([id.clone()]), id.clone());
        self.write_alone(about, verb!(rows, now, [id], verbs::carry_out_close(rows, &id, limit, now.at).await)).await
    }

    async fn to_erase(&self, id: &SessionId, limit: usize) -> Result<Vec<TaskId>, StoreError> {
        let id = id.clone();
        self.read(read!(rows, verbs::to_erase(rows, &id, limit).await)).await
    }

    async fn erase(&self, id: &SessionId, tasks: &[TaskId]) -> Result<bool, StoreError> {
        let (about, id, tasks) = (of(id), id.clone(), tasks.to_vec());
        self.write_alone(about, verb!(rows, _, [id, tasks], verbs::erase(rows, &id, &tasks).await)).await
    }

    async fn transfer(&self, from: &SessionId, tasks: &[TaskId], to: &SessionId) -> Result<Vec<Task>, StoreError> {
        let about = About::begun([to.clone()]).and([from.clone()]);
        let (from, tasks, to) = (from.clone(), tasks.to_vec(), to.clone());
        let verb = verb!(rows, now, [from, tasks, to], {
            let mut there = verbs::transfer(rows, &from, &tasks, &to, now.at).await?;
            rows.specs(&mut there).await?.iter().for_each(UnreadableRow::note);
            Ok(there)
        });
        self.write_alone(about, verb).await
    }

    async fn cancel_step(
        &self,
        session: &SessionId,
        walk: CancelWalk,
        reason: Option<String>,
    ) -> Result<CancelStep, StoreError> {
        let about = About::begun([session.clone()]).and(walk.seen_sessions.iter().cloned());
        let session = session.clone();
        let verb = verb!(rows, now, [session, walk, reason], {
            verbs::cancel_step(rows, &session, walk, reason.as_deref(), now.at).await
        });
        self.write_alone(about, verb).await
    }

    async fn claimed_task(&self, id: &TaskId, claim: Fence) -> Result<Option<Task>, StoreError> {
        let (task, id) = (id, id.clone());
        let verb = read!(rows, {
            match verbs::claimed_task(rows, &id, claim).await? {
                Some(task) => Ok(Some(whole(rows, task).await?)),
                None => Ok(None),
            }
        });
        self.look(task, verb).await
    }

    async fn held_task(&self, host: &HostRef, id: &TaskId) -> Result<Task, StoreError> {
        let (host, task, id) = (host.clone(), id, id.clone());
        let verb = read!(rows, {
            let task = verbs::held_task(rows, &host, &id).await?;
            whole(rows, task).await
        });
        self.look(task, verb).await
    }
}
