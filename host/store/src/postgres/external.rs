//! Work done elsewhere, in PostgreSQL.
//! Does not decide anything: the verbs do.

use async_trait::async_trait;
use taskwright_registry::{HostRef, SessionId, TaskId};

use super::{PostgresStore, of, written};
use crate::{Claimed, ExternalCancelPage, ExternalWork, Store, StoreError, verbs};

#[async_trait]
impl ExternalWork for PostgresStore {
    async fn take_on(
        &self,
        session: &SessionId,
        id: &TaskId,
        holder: &HostRef,
        remote: Option<String>,
    ) -> Result<Claimed, StoreError> {
        let (sessions, session, id, holder) = (of(session), session.clone(), id.clone(), holder.clone());
        let verb = verb!(rows, now, [session, id, holder, remote], {
            let claim = verbs::take_on(rows, &session, &id, &holder, remote, now.at).await?;
            Ok(Claimed { task: written(rows, claim.task).await?, ..claim })
        });
        self.write_alone(sessions, verb).await
    }

    async fn external_cancels(&self, after: u64, limit: usize) -> Result<ExternalCancelPage, StoreError> {
        self.read(read!(rows, verbs::external_cancels(rows, after, limit).await)).await
    }

    async fn external_overdue(&self, limit: usize) -> Result<Vec<(SessionId, TaskId)>, StoreError> {
        let now = self.now();
        self.glance(read!(rows, verbs::external_overdue(rows, limit, now).await)).await
    }
}
