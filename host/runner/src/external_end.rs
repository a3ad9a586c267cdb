//! Ends tasks whose work is done elsewhere when their deadline has come or their cancel is forced.
//! Does not end one because nothing is heard of it, nor one that only its owner may end (L51).

use std::time::Duration;

use taskwright_registry::{SessionId, TaskId};
use taskwright_store::StoreError;
use tokio::time::sleep;

use crate::metric;
use crate::outcome::write_down;
use crate::runner::Inner;
use crate::settlement::{End, settle};

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Tasks that one look ends.
const ROUND: usize = 200;

/// Works for as long as it is polled.
pub(crate) async fn end_overdue(inner: &Inner) {
    loop {
        match inner.store.external_overdue(ROUND).await {
            Ok(overdue) => {
                for (session, id) in overdue {
                    if let Err(error) = end(inner, &session, &id).await
                        // The store has said so, and says it once.
                        && !matches!(error, StoreError::Unreadable(_))
                    {
                        tracing::warn!(%session, task = %id, %error, "an overdue task was not ended; it will be tried again");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "overdue tasks cannot be looked up now"),
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn end(inner: &Inner, session: &SessionId, id: &TaskId) -> Result<(), StoreError> {
    let task = inner.store.get(session, id).await?;
    let now = inner.store.now();
    let end = match (task.cancel_forced_at(), task.deadline) {
        (Some(at), _) if at <= now => End::CancelForced,
        (_, Some(at)) if at <= now => End::DeadlineReached,
        _ => return Ok(()),
    };
    let Some(update) = settle(&task, end, Default::default(), now, 0.0) else { return Ok(()) };
    if let Some(ended) = write_down(inner, &task, update).await {
        tracing::info!(%session, task = %id, state = %ended.state, "work that is done elsewhere was ended here");
        metric::task_ended(inner.catalog.label(&ended.kind), &ended);
    }
    Ok(())
}
