//! Forgets what has been over for long enough: records, files, and the beginning of the log.
//! Does not touch a live task, or one whose children are still known.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use taskwright_registry::{SessionId, TaskId, Timestamp};
use taskwright_store::{Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::SessionFiles;

/// How often to look for what is old enough.
const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);
/// The longest rest between two passes while there is more to forget. It rests as long as it has worked, so that others have half
/// of the store at least.
const LONGEST_REST: Duration = Duration::from_millis(200);
/// Tasks that are forgotten at one time, so that they share the store's commits.
const AT_ONCE: usize = 256;
/// Tasks that one pass forgets at most.
const PASS: usize = 1_000;
/// Events that one pass takes away one by one at most.
const EVENTS: usize = 5_000;

/// What was forgotten, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Tasks with their messages, results, checkpoints, wakes and files.
    pub tasks: usize,
    /// Events of the sessions' logs.
    pub events: usize,
}

/// Works for as long as it is polled.
pub(crate) async fn retain(store: &dyn Store, files: &SessionFiles, keep: Duration) {
    loop {
        match older_than(store, keep) {
            Some(before) => match forget_all(store, files, before, None).await {
                Ok(Forgotten { tasks: 0, events: 0 }) => {}
                Ok(forgotten) => {
                    tracing::info!(tasks = forgotten.tasks, events = forgotten.events, %before, "retention forgot");
                }
                Err(error) => tracing::warn!(%error, "retention stopped early; it will go on"),
            },
            // Before the beginning of time there is nothing.
            None => return std::future::pending().await,
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The moment so long ago, if there was one.
pub(crate) fn older_than(store: &dyn Store, keep: Duration) -> Option<Timestamp> {
    store.now().checked_sub_signed(chrono::TimeDelta::from_std(keep).ok()?)
}

/// Forgets everything that was over before a moment, pass by pass; of one session only, if one is named. The beginning of the log
/// goes by age in all sessions at once, and so stays where only one is meant.
pub(crate) async fn forget_all(
    store: &dyn Store,
    files: &SessionFiles,
    before: Timestamp,
    only: Option<&SessionId>,
) -> Result<Forgotten, StoreError> {
    let mut forgotten = Forgotten::default();
    loop {
        // From the beginning each time: once its children are gone, a parent can go, which may stand before them.
        let (mut after, mut went) = (None, 0);
        loop {
            let begun = Instant::now();
            let mut page = store.finished(before, after, PASS).await?;
            after = page.next;
            page.tasks.retain(|(session, _)| only.is_none_or(|only| only == session));
            // Those of one session share its lock.
            page.tasks.sort_by(|one, other| one.0.cmp(&other.0));
            let one = |(session, id)| async move { forget(store, files, &session, &id, before).await };
            let mut forgetting = stream::iter(page.tasks.into_iter().map(one)).buffer_unordered(AT_ONCE);
            while let Some(forgotten) = forgetting.next().await {
                went += usize::from(forgotten?);
            }
            // The log does not wait for the last of the tasks.
            if only.is_none() {
                forgotten.events += store.trim_log(before, EVENTS).await?;
            }
            if after.is_none() {
                break;
            }
            rest(begun).await;
        }
        forgotten.tasks += went;
        if went == 0 {
            break;
        }
    }
    if only.is_some() {
        return Ok(forgotten);
    }
    loop {
        let begun = Instant::now();
        let went = store.trim_log(before, EVENTS).await?;
        forgotten.events += went;
        if went < EVENTS {
            return Ok(forgotten);
        }
        rest(begun).await;
    }
}

/// Rests as long as the work since then took.
async fn rest(begun: Instant) {
    sleep(begun.elapsed().min(LONGEST_REST)).await;
}

/// The files go first: if the host dies in between, the record is still there and leads the next pass to what is left.
async fn forget(
    store: &dyn Store,
    files: &SessionFiles,
    session: &SessionId,
    id: &TaskId,
    before: Timestamp,
) -> Result<bool, StoreError> {
    if let Err(error) = files.remove_task(id).await {
        tracing::warn!(task = %id, %error, "the files of an old task cannot be removed; it is kept");
        return Ok(false);
    }
    store.forget(session, id, before).await
}

/// What `forget_all` would forget, as far as it can be told beforehand: parents follow their children.
pub(crate) async fn count(store: &dyn Store, before: Timestamp, only: Option<&SessionId>) -> Result<usize, StoreError> {
    let (mut tasks, mut after) = (0, None);
    loop {
        let page = store.finished(before, after, 1_000).await?;
        tasks += page.tasks.iter().filter(|(session, _)| only.is_none_or(|only| only == session)).count();
        after = page.next;
        if after.is_none() {
            return Ok(tasks);
        }
    }
}
