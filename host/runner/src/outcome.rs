//! Writes down how an instance came to its end, in spite of a store that hiccups or refuses.
//! Does not decide what is written: `settlement` does, and what a store would never take is replaced here by what it can.
//!
//! Every wait here has an end: what the store may take later is repeated until it has said yes or no, for `PATIENCE` where it takes
//! this host's other writes meanwhile, and never beyond a drain; what it will never take is replaced at most twice.

use std::time::Duration;

use taskwright_registry::{Failure, Retry, SessionId, State, Task, TaskError, TaskUpdate, settle_failure};
use taskwright_store::{ErrorClass, Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::fenced_writer::no_say_any_more;
use crate::runner::Inner;

/// How long an outcome is repeated that the store does not take while it takes the renewals of this host's lease.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Before the first repetition, and at most; each waits twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How often a task is looked for where it has moved to while one write is under way.
const MOVES: u32 = 16;
/// How much of the store's reason stands in a task's error.
const REASON_BYTES: usize = 400;
/// The kind of the error of a task whose outcome the store refused.
const KIND: &str = "store_refused";

/// Why nothing was written.
enum Unwritten {
    /// The instance has no say any more: whoever has the task now writes.
    Superseded,
    /// The host is going down, and the store has not said yes or no.
    GivenUp,
    /// The store does not take it.
    Refused(StoreError),
}

/// Writes an update until the store has said yes or no. The fence makes the repetition harmless: if the first try did take
/// effect, the repetition finds the task over, released or asleep. What the store refuses for good is written without what it can
/// refuse, and the task fails with an error that says so. Returns the record, or nothing if nothing was written.
pub(crate) async fn write_down(inner: &Inner, task: &Task, update: TaskUpdate) -> Option<Task> {
    let mut next = Some(update);
    let mut plain = true;
    while let Some(update) = next.take() {
        match write_once(inner, task, &update).await {
            Ok(written) => return Some(written),
            Err(Unwritten::Superseded) => return None,
            Err(Unwritten::GivenUp) => {
                tracing::error!(task = %task.id, "the host ends before the store took an outcome: the task goes on elsewhere");
                inner.unwritten.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                return None;
            }
            Err(Unwritten::Refused(error)) => {
                metrics::counter!("taskwright_writes_refused_total", "write" => "outcome").increment(1);
                tracing::error!(task = %task.id, %error, "the store refuses an outcome");
                next = match std::mem::take(&mut plain) {
                    true => without_texts(&update).or_else(|| failed(inner, task, &update, &error)),
                    false if update.error.as_ref().is_some_and(|error| error.kind == KIND) => None,
                    false => failed(inner, task, &update, &error),
                };
            }
        }
    }
    tracing::error!(task = %task.id, "the end of a task cannot be stored: it stays as it is until this host is gone");
    inner.unwritten.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    None
}

/// The same step with nothing in it that a store could refuse; none if it would not be the same without it.
fn without_texts(update: &TaskUpdate) -> Option<TaskUpdate> {
    let state = update.state.filter(|state| *state == State::Canceled);
    (state.is_some() || (update.state.is_none() && update.dispatch.is_some())).then(|| TaskUpdate {
        fence: update.fence,
        usage: update.usage,
        allowed: update.allowed,
        state,
        dispatch: update.dispatch.clone(),
        ..TaskUpdate::default()
    })
}

/// The end of a task whose outcome the store refuses, in letters that every database has.
fn failed(inner: &Inner, task: &Task, update: &TaskUpdate, error: &StoreError) -> Option<TaskUpdate> {
    let reason: String =
        error.to_string().chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(REASON_BYTES).collect();
    let message = format!("what the task left cannot be stored, and is lost: {reason}");
    let error = TaskError { detail: None, kind: KIND.to_owned(), message };
    let failure = Failure { error, retry: Retry::Never };
    let failed = settle_failure(task, failure, update.usage, inner.store.now(), 0.0);
    Some(TaskUpdate { allowed: update.allowed, ..failed })
}

async fn write_once(inner: &Inner, task: &Task, update: &TaskUpdate) -> Result<Task, Unwritten> {
    tokio::select! {
        biased;
        written = repeat(inner, task, update) => written,
        () = inner.cutoff.raised() => Err(Unwritten::GivenUp),
    }
}

/// Whether the store takes this host's other writes.
fn in_touch(inner: &Inner, task: &Task) -> bool {
    task.dispatch.host.as_ref().is_none_or(|host| inner.lease.holds(host))
}

async fn repeat(inner: &Inner, task: &Task, update: &TaskUpdate) -> Result<Task, Unwritten> {
    let store = inner.store.as_ref();
    let began = Instant::now();
    let (mut session, mut wait) = (task.session_id.clone(), FIRST_WAIT);
    let (mut uncertain, mut moves) = (false, 0);
    loop {
        // It may have landed, and the task may have moved since (L48).
        if uncertain && let Ok(found) = store.claimed_task(&task.id, task.fence()).await {
            let found = found.ok_or(Unwritten::Superseded)?;
            let ours = found.fence() == task.fence() && found.dispatch.host == task.dispatch.host;
            if !ours {
                return Ok(found);
            }
            session = found.session_id;
        }
        let written = match store.update(&session, &task.id, update.clone()).await {
            Err(not_found @ StoreError::NotFound { .. }) => match moved_to(store, task, &session).await {
                Ok(Some(there)) if moves < MOVES => {
                    (session, moves) = (there, moves + 1);
                    continue;
                }
                Ok(_) => Err(not_found),
                Err(trouble) => Err(trouble),
            },
            other => other,
        };
        let error = match written {
            Ok(task) => return Ok(task),
            Err(error) => error,
        };
        match error.class() {
            ErrorClass::Permanent if has_no_say(&error) => {
                tracing::warn!(task = %task.id, %error, "an outcome was refused");
                metrics::counter!("taskwright_writes_refused_total", "write" => "outcome").increment(1);
                return Err(Unwritten::Superseded);
            }
            ErrorClass::Permanent => return Err(Unwritten::Refused(error)),
            _ if began.elapsed() >= PATIENCE && in_touch(inner, task) => return Err(Unwritten::Refused(error)),
            class => {
                uncertain |= class == ErrorClass::Unknown;
                tracing::warn!(task = %task.id, %error, "an outcome is not written yet; trying again");
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// Whether nothing that this instance could write would be taken.
fn has_no_say(error: &StoreError) -> bool {
    no_say_any_more(error) || matches!(error, StoreError::LeaseLost { .. } | StoreError::Gone { .. })
}

/// Where a task is that has moved while its instance came to its end (L48); nothing if it has not, or is somebody else's.
async fn moved_to(store: &dyn Store, task: &Task, from: &SessionId) -> Result<Option<SessionId>, StoreError> {
    let found = store.claimed_task(&task.id, task.fence()).await?;
    Ok(found.map(|found| found.session_id).filter(|there| there != from))
}
