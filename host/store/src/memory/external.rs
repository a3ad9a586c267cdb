//! Work done elsewhere, in memory.
//! Does not decide anything: the verbs do.

use async_trait::async_trait;
use taskwright_registry::{HostRef, SessionId, TaskId};

use super::MemoryStore;
use crate::{Claimed, ExternalCancelPage, ExternalWork, StoreError, verbs};

#[async_trait]
impl ExternalWork for MemoryStore {
    async fn take_on(
        &self,
        session: &SessionId,
        id: &TaskId,
        holder: &HostRef,
        remote: Option<String>,
    ) -> Result<Claimed, StoreError> {
        self.transact(async |rows, now| {
            let claimed = verbs::take_on(rows, session, id, holder, remote, now).await?;
            Ok(rows.complete_claimed(claimed))
        })
    }

    async fn external_cancels(&self, after: u64, limit: usize) -> Result<ExternalCancelPage, StoreError> {
        self.transact(async |rows, _| verbs::external_cancels(rows, after, limit).await)
    }

    async fn external_overdue(&self, limit: usize) -> Result<Vec<(SessionId, TaskId)>, StoreError> {
        self.transact(async |rows, now| verbs::external_overdue(rows, limit, now).await)
    }
}
