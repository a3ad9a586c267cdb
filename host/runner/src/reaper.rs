//! Takes over what hosts have left behind whose lease is over.
//! Does not decide what becomes of a task: the core does, inside the store's transaction.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use taskwright_registry::{SessionId, TaskId};
use taskwright_store::{Reaped, StoreError};
use tokio::time::{Instant, sleep};

use crate::metric;
use crate::runner::Inner;

/// How often to look. A dead host's tasks go on within its lease, this, and what the look itself takes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Tasks that one pass takes over.
const PASS: usize = 200;
/// Tasks that are taken over at one time, so that they share the store's commits.
const AT_ONCE: usize = 32;
/// How often leases are forgotten that nobody needs any more.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Works for as long as it is polled.
pub(crate) async fn reap(inner: &Inner) {
    let store = inner.store.as_ref();
    // A place in the order of creation. A row that cannot be taken over is passed by and met again in the next round, so
    // that it holds up no other.
    let mut place = 0;
    let mut swept = Instant::now();
    loop {
        let (next, found) = match store.lapsed(place, PASS).await {
            Ok(page) => {
                let found = !page.tasks.is_empty();
                stream::iter(page.tasks)
                    .for_each_concurrent(AT_ONCE, |(session, id)| take_over(inner, session, id))
                    .await;
                (page.next, found)
            }
            Err(error) => {
                tracing::warn!(%error, "what dead hosts have left behind cannot be looked up now");
                (None, false)
            }
        };
        place = next.unwrap_or(0);
        if next.is_some() {
            continue;
        }
        if found || swept.elapsed() >= SWEEP_EVERY {
            swept = Instant::now();
            match store.sweep_leases().await {
                Ok(swept) => metrics::counter!("taskwright_leases_expired_total").increment(swept as u64),
                Err(error) => tracing::warn!(%error, "old leases were not swept"),
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn take_over(inner: &Inner, session: SessionId, id: TaskId) {
    let outcome = match inner.store.reap(&session, &id, inner.config.crash_limit).await {
        Ok(Reaped::Reattached(task)) => {
            tracing::warn!(%session, task = %id, attempt = task.attempt, "its host was lost; the task starts again");
            "reattached"
        }
        Ok(Reaped::Ended(task)) => {
            tracing::warn!(%session, task = %id, state = %task.state, "its host was lost, and the task with it");
            let kind = inner.catalog.label(&task.kind);
            metric::attempt_ended(kind, &task, task.updated_at, task.state.as_str());
            metric::task_ended(kind, &task);
            "ended"
        }
        Ok(Reaped::Untouched) => return,
        // Another reaper was there first, and then somebody forgot the task.
        Err(StoreError::NotFound { .. }) => return,
        // The store has said so, and says it once.
        Err(StoreError::Unreadable(_)) => return,
        Err(error) => {
            tracing::warn!(%session, task = %id, %error, "a dead host's task was not taken over; it will be tried again");
            "failed"
        }
    };
    metrics::counter!("taskwright_tasks_reaped_total", "outcome" => outcome).increment(1);
}
