//! Work done elsewhere, in SQLite.
//! Does not decide anything: the verbs do.

use async_trait::async_trait;
use taskwright_registry::{HostRef, SessionId, TaskId};

use super::rows::SqliteRows;
use super::{SqliteStore, decode_claims, ready, undecoded};
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
            undecoded(rows, vec![claim])
        };
        let mut claims = decode_claims(self.write(verb).await?)?;
        claims.pop().ok_or_else(|| StoreError::Corrupt { reason: "a task that was taken on is not there".to_owned() })
    }

    async fn external_cancels(&self, after: u64, limit: usize) -> Result<ExternalCancelPage, StoreError> {
        self.readers.read(move |rows| ready(verbs::external_cancels(rows, after, limit))).await
    }

    async fn external_overdue(&self, limit: usize) -> Result<Vec<(SessionId, TaskId)>, StoreError> {
        let now = self.now();
        self.readers.read(move |rows| ready(verbs::external_overdue(rows, limit, now))).await
    }
}
