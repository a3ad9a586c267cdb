//! Rows that cannot be read: there are none in memory, where nothing is encoded.
//! Does not end or delete anything for that reason.

use async_trait::async_trait;
use taskwright_registry::{SessionId, SessionRecord, Task, TaskId};

use super::MemoryStore;
use crate::{Repair, StoreError, UnreadablePage, UnreadablePlace, verbs};

#[async_trait]
impl Repair for MemoryStore {
    async fn unreadable(&self, after: Option<UnreadablePlace>) -> Result<UnreadablePage, StoreError> {
        self.transact(async |rows, _| verbs::unreadable(rows, after).await)
    }

    async fn end_unreadable(&self, session: &SessionId, id: &TaskId) -> Result<Task, StoreError> {
        self.transact(async |rows, now| verbs::end_unreadable(rows, session, id, now).await)
    }

    async fn delete_unreadable(&self, session: &SessionId, id: &TaskId) -> Result<(), StoreError> {
        self.transact(async |rows, _| verbs::delete_unreadable(rows, session, id).await)
    }

    async fn mend_session(&self, id: &SessionId) -> Result<SessionRecord, StoreError> {
        self.transact(async |rows, now| verbs::mend_session(rows, id, now).await)
    }
}
