//! Work done elsewhere, in SQLite.
//! Does not decide anything: the verbs do.

use async_trait::async_trait;
use taskwright_registry::{HostRef, SessionId, TaskId};

use super::rows::SqliteRows;
use super::{SqliteStore, Undecoded, ready};
use crate::{Claimed, ExternalCancelPage, ExternalWork, Store, StoreError, verbs};

#[async_trait]
impl ExternalWork for SqliteStore {
    async fn take_on(
        &self,
        session: &SessionId,
        id: &TaskId,
        holder: &HostRef,
        remote: Option<String>,
    ) -> Result<Claimed, StoreError> {
        let (session, id, holder) = (session.clone(), id.clone(), holder.clone());
        let verb = move |rows: &mut SqliteRows<'_>, now| {
            let claim = ready(verbs::take_on(rows, &session, &id, &holder, remote, now))?;
            Ok((Undecoded::read(rows, claim.task.clone())?, claim))
        };
        let (task, claim) = self.write(verb).await?;
        Ok(Claimed { task: task.decode_written(), ..claim })
    }

    async fn external_cancels(&self, after: u64, limit: usize) -> Result<ExternalCancelPage, StoreError> {
        self.readers.read(move |rows| ready(verbs::external_cancels(rows, after, limit))).await
    }

    async fn external_overdue(&self, limit: usize) -> Result<Vec<(SessionId, TaskId)>, StoreError> {
        let now = self.now();
        self.readers.read(move |rows| ready(verbs::external_overdue(rows, limit, now))).await
    }
}
