//! Carries out what was planned for sessions: closing them, and deleting those that were to be deleted.
//! Does not plan anything: whoever closes a session has.

use std::time::Duration;

use taskwright_registry::{SessionId, SessionRecord, SessionState, State, Task};
use taskwright_store::{Store, StoreError, TaskFilter, TaskQuery};
use tokio::time::sleep;

use crate::runner::Inner;
use crate::{SessionFiles, metric};

/// How often to look for sessions whose end another process has planned, or that have waited for their last task.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Sessions that are looked at in one round.
const ROUND: usize = 500;
/// Tasks of one session that one transaction deals with, so that nobody else waits for long.
const STEP: usize = 200;

/// Works for as long as it is polled.
pub(crate) async fn carry_out(inner: &Inner) {
    loop {
        match inner.store.ending_sessions(ROUND).await {
            Ok(sessions) => {
                for session in sessions {
                    if let Err(error) = end(inner, &session).await {
                        tracing::warn!(session = %session.id, %error, "the end of a session is not carried out yet");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "sessions that end cannot be looked up now"),
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Does for one session what can be done now.
pub(crate) async fn end(inner: &Inner, session: &SessionRecord) -> Result<(), StoreError> {
    let mut session = session.clone();
    while session.state == SessionState::Closing {
        let step = inner.store.carry_out_close(&session.id, STEP).await?;
        count_ended(inner, &step.ended);
        session = step.session;
    }
    if session.delete { erase(inner.store.as_ref(), &inner.files, &session.id).await } else { Ok(()) }
}

/// Counts tasks that ended before they were started: no host has had them.
pub(crate) fn count_ended(inner: &Inner, ended: &[Task]) {
    for task in ended {
        metric::task_ended(inner.catalog.label(&task.kind), task);
    }
}

/// The files go first: if the host dies in between, the record is still there and leads the next round to what is left.
async fn erase(store: &dyn Store, files: &SessionFiles, session: &SessionId) -> Result<(), StoreError> {
    loop {
        let mut gone = store.to_erase(session, STEP).await?;
        let wanted = gone.len();
        let mut kept = Vec::new();
        for id in &gone {
            if let Err(error) = files.remove_task(id).await {
                tracing::warn!(task = %id, %error, "the files of a task cannot be removed; its session is kept");
                kept.push(id.clone());
            }
        }
        gone.retain(|id| !kept.contains(id));
        if gone.is_empty() && wanted > 0 {
            return Ok(());
        }
        if store.erase(session, &gone).await? {
            tracing::info!(%session, "a session was deleted");
            return Ok(());
        }
        if wanted == 0 && !erasable(store, session).await? {
            return Ok(());
        }
    }
}

/// Whether there is more to take away: only events are left, or something is still live.
async fn erasable(store: &dyn Store, session: &SessionId) -> Result<bool, StoreError> {
    let filter = TaskFilter { states: State::LIVE.to_vec(), ..TaskFilter::all() };
    let query = TaskQuery { filter, limit: 1, ..TaskQuery::default() };
    Ok(store.list(session, &query).await?.tasks.is_empty())
}
