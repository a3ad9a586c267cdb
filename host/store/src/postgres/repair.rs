//! Rows of a PostgreSQL database that cannot be read.
//! Does not decide anything: the verbs do.

use async_trait::async_trait;
use taskwright_registry::{SessionId, SessionRecord, Task, TaskId};

use super::{PostgresStore, of, of_task, written};
use crate::{Repair, StoreError, UnreadablePage, UnreadablePlace, verbs};

#[async_trait]
impl Repair for PostgresStore {
    async fn unreadable(&self, after: Option<UnreadablePlace>) -> Result<UnreadablePage, StoreError> {
        self.read(read!(rows, verbs::unreadable(rows, after).await)).await
    }

    async fn end_unreadable(&self, session: &SessionId, id: &TaskId) -> Result<Task, StoreError> {
        let (about, session, id) = (of_task(session, id), session.clone(), id.clone());
        let verb = verb!(rows, now, [session, id], {
            let task = verbs::end_unreadable(rows, &session, &id, now.at).await?;
            written(rows, task).await
        });
        self.write_alone(about, verb).await
    }

    async fn delete_unreadable(&self, session: &SessionId, id: &TaskId) -> Result<(), StoreError> {
        let (about, session, id) = (of_task(session, id), session.clone(), id.clone());
        let verb = verb!(rows, _, [session, id], verbs::delete_unreadable(rows, &session, &id).await);
        self.write_alone(about, verb).await
    }

    async fn mend_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let (about, id) = (of(id), id.clone());
        self.write_alone(about, verb!(rows, now, [id], verbs::mend_session(rows, &id, now.at).await)).await
    }
}
