//! The verbs of the `Store` trait, written once over rows: what is looked up, what the core is asked, what is written.
//! Does not know how rows are kept, and decides nothing that `taskwright-registry` decides.
//!
//! Every verb makes all its decisions before its first write, so that a refusal leaves nothing behind.

mod change;
mod claim;
mod create;
mod external;
mod lease;
mod lineage;
mod message;
mod read;
mod repair;
mod retain;
mod session;
mod transfer;
mod wake;

pub(crate) use change::{request_cancel, update};
pub(crate) use claim::{claim, held_by};
pub(crate) use create::{create, create_child};
pub(crate) use external::{external_cancels, external_overdue, take_on};
pub(crate) use lease::{close_lease, hosts, lapsed, open_lease, reap, renew_lease, sweep_leases};
pub(crate) use lineage::cancel_step;
pub(crate) use message::{mark_delivered, messages, record_message, unread};
pub(crate) use read::{
    backlog, checkpoint, code_in_use, events, get, list, next_due, result, sessions_with_wakes, wakes,
};
pub(crate) use repair::{delete_unreadable, end_unreadable, mend_session, unreadable};
pub(crate) use retain::{finished, forget, trim_log};
pub(crate) use session::{
    carry_out_close, close_session, delete_session, ending_sessions, erase, open_session, resume_session, session,
    sessions, suspend_session, to_erase,
};
pub(crate) use transfer::{claimed_task, held_task, transfer};
pub(crate) use wake::{acknowledge_wakes, claim_wakes, release_wakes};

use taskwright_registry::{Applied, Held, Message, SessionId, Task, TaskId, Timestamp, child_ended, wake_text};

use crate::rows::{NewWake, Rows, Taken, Transaction};
use crate::unreadable::passed_by;
use crate::{Change, StoreError};

/// The record of a task of this session; a foreign one is not found (L23).
async fn find_own<R: Rows>(rows: &mut R, session: &SessionId, id: &TaskId) -> Result<Task, StoreError> {
    match rows.find_task(id).await {
        Ok(Some(task)) if task.session_id == *session => Ok(task),
        Err(StoreError::Unreadable(row)) if row.session_id == *session => {
            row.note();
            Err(StoreError::Unreadable(row))
        }
        Ok(_) | Err(StoreError::Unreadable(_)) => Err(not_found(session, id)),
        Err(error) => Err(error),
    }
}

/// Whether the session has this task (L23).
async fn owns<R: Rows>(rows: &mut R, session: &SessionId, id: &TaskId) -> Result<bool, StoreError> {
    Ok(rows.owner(id).await?.as_ref() == Some(session))
}

fn not_found(session: &SessionId, id: &TaskId) -> StoreError {
    StoreError::NotFound { session: session.clone(), id: id.clone() }
}

/// Writes an accepted change with everything that belongs to it, and returns the record after it.
async fn write<T: Transaction>(
    rows: &mut T,
    before: &Task,
    applied: Applied,
    message: Option<&Message>,
    now: Timestamp,
) -> Result<Task, StoreError> {
    let Applied { task, changed, events, wakes, payloads, held } = applied;
    if changed {
        rows.put_task(before, &task).await?;
    }
    if let Some(result) = payloads.result {
        rows.put_result(&task.id, result).await?;
    }
    if let Some(checkpoint) = payloads.checkpoint {
        rows.put_checkpoint(&task.id, checkpoint).await?;
    }
    match held {
        Held::AsBefore => {}
        Held::Settled => rows.release_held(&task.id, Taken::Settled).await?,
        Held::GivenBack => rows.release_held(&task.id, Taken::No).await?,
    }
    let seen = changed || !events.is_empty();
    for body in events {
        rows.append_event(&task.session_id, &task.id, now, body).await?;
    }
    let woken = !wakes.is_empty();
    for cause in wakes {
        let text = wake_text(&task, &cause, message);
        let (session_id, task_id) = (task.session_id.clone(), task.id.clone());
        rows.insert_wake(NewWake { session_id, task_id, attempt: task.attempt, cause, text, at: now }).await?;
    }
    if seen {
        rows.announce(announcement(&task));
    }
    if woken {
        rows.announce(Change::Woken { session_id: task.session_id.clone() });
    }
    if before.state.is_live() && task.state.is_terminal() {
        tell_parent(rows, &task, now).await?;
    }
    Ok(task)
}

/// Lets the task whose instance has begun this one look at it, now that it is over (L42).
async fn tell_parent<T: Transaction>(rows: &mut T, task: &Task, now: Timestamp) -> Result<(), StoreError> {
    let parent = task.parent.task_id.as_ref().filter(|_| task.depth > 0);
    let Some(parent) = parent.and_then(|parent| parent.parse::<TaskId>().ok()) else { return Ok(()) };
    let found = passed_by(rows.find_task(&parent).await)?;
    let Some(parent) = found.filter(|parent| parent.session_id == task.session_id) else {
        return Ok(());
    };
    if let Some(Applied { task: after, changed: true, .. }) = child_ended(&parent, now) {
        rows.put_task(&parent, &after).await?;
        rows.announce(announcement(&after));
    }
    Ok(())
}

fn announcement(task: &Task) -> Change {
    // What is wanted at once is due by every clock.
    let due_at = if task.dispatch.due_at_once { Some(Timestamp::UNIX_EPOCH) } else { task.dispatch.due_at };
    Change::Task { session_id: task.session_id.clone(), task_id: task.id.clone(), due_at }
}
