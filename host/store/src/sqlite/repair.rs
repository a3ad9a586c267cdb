//! Rows of a SQLite database that cannot be read.
//! Does not decide anything: the verbs do.

use async_trait::async_trait;
use taskwright_registry::{SessionId, SessionRecord, Task, TaskId};

use super::rows::SqliteRows;
use super::{SqliteStore, Undecoded, ready};
use crate::{Repair, StoreError, UnreadablePage, UnreadablePlace, verbs};

#[async_trait]
impl Repair for SqliteStore {
    async fn unreadable(&self, after: Option<UnreadablePlace>) -> Result<UnreadablePage, StoreError> {
        self.readers.read(move |rows| ready(verbs::unreadable(rows, after))).await
    }

    async fn end_unreadable(&self, session: &SessionId, id: &TaskId) -> Result<Task, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        let verb = move |rows: &mut SqliteRows<'_>, now| {
            let task = ready(verbs::end_unreadable(rows, &session, &id, now))?;
            Undecoded::read(rows, task)
        };
        Ok(self.write(verb).await?.decode_written())
    }

    async fn delete_unreadable(&self, session: &SessionId, id: &TaskId) -> Result<(), StoreError> {
        let (session, id) = (session.clone(), id.clone());
        self.write(move |rows, _| ready(verbs::delete_unreadable(rows, &session, &id))).await
    }

    async fn mend_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        let id = id.clone();
        self.write(move |rows, now| ready(verbs::mend_session(rows, &id, now))).await
    }
}
