//! Creating a task, or finding the one that the same creation made before (L21).
//! Does not check the specification against the kind's schema: whoever creates the task has.

use taskwright_registry::{
    ChildLimits, EventBody, NewChild, NewTask, SessionId, State, Task, TaskId, Timestamp, admit_child, check_numbers,
    create as decide, create_child as decide_child, same_child, same_content,
};

use super::lineage::check_lineage;
use super::session::admit;
use super::{announcement, find_own};
use crate::rows::{Rows, Transaction};
use crate::unreadable::readable;
use crate::{Created, Order, StoreError, TaskFilter};

pub(crate) async fn create<T: Transaction>(rows: &mut T, new: NewTask, now: Timestamp) -> Result<Created, StoreError> {
    let wanted = decide(new, now)?;
    let stored = match rows.find_task(&wanted.id).await {
        // Nothing is said about a task of another session.
        Err(StoreError::Unreadable(row)) if row.session_id != wanted.session_id => {
            return Err(StoreError::Conflict { key: wanted.id.to_string() });
        }
        stored => stored?,
    };
    if let Some(stored) = stored {
        return repeated(rows, stored, &wanted, || wanted.id.to_string()).await;
    }
    if let Some(key) = &wanted.idempotency_key
        && let Some(id) = rows.find_by_key(&wanted.session_id, key).await?
    {
        let stored = existing(rows, &id).await?;
        return repeated(rows, stored, &wanted, || format!("the idempotency key `{key}`")).await;
    }
    Ok(Created { task: insert(rows, wanted, now).await?, fresh: true })
}

/// Begins a child task, or finds the one that the same call has begun (L41). Whether the instance may is decided in the
/// transaction that creates the child.
pub(crate) async fn create_child<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    parent: &TaskId,
    new: NewChild,
    now: Timestamp,
) -> Result<Created, StoreError> {
    let parent = find_own(rows, session, parent).await?;
    admit_child(&parent, new.fence)?;
    let limits = new.limits;
    let wanted = decide_child(&parent, new, now)?;
    if let Some(key) = &wanted.idempotency_key
        && let Some(id) = rows.find_by_key(session, key).await?
    {
        let mut stored = existing(rows, &id).await?;
        stored.spec = rows.find_spec(&stored.id).await?;
        return if same_child(&stored, &wanted) {
            Ok(Created { task: stored, fresh: false })
        } else {
            Err(StoreError::Conflict { key: format!("the call `{key}`") })
        };
    }
    if rows.owner(&wanted.id).await?.is_some() {
        return Err(StoreError::Conflict { key: wanted.id.to_string() });
    }
    let children = TaskFilter { parent_task_id: Some(parent.id.to_string()), ..TaskFilter::all() };
    let counted = |limit: u32| limit.min(ChildLimits::COUNTED) as usize;
    let live = TaskFilter { states: vec![State::Queued, State::Running, State::AwaitingInput], ..children.clone() };
    let live = rows.tasks_of(session, &live, Order::OldestFirst, None, counted(limits.max_live)).await?.len();
    let newest = rows.tasks_of(session, &children, Order::NewestFirst, None, counted(limits.per_minute)).await?;
    let newest = readable(newest);
    let newest: Vec<_> = newest.iter().map(|child| child.created_at).collect();
    check_numbers(&limits, live, &newest, now)?;
    Ok(Created { task: insert(rows, wanted, now).await?, fresh: true })
}

/// Writes a new task, if its session takes one and its name is free.
async fn insert<T: Transaction>(rows: &mut T, mut wanted: Task, now: Timestamp) -> Result<Task, StoreError> {
    let session = admit(rows, &wanted.session_id, now).await?;
    check_lineage(rows, &wanted).await?;
    if let Some(name) = &wanted.name
        && let Some(holder) = rows.find_live_name(&wanted.session_id, name).await?
    {
        return Err(StoreError::NameTaken { name: name.clone(), holder });
    }
    if session.fresh {
        rows.put_session(&session.record).await?;
    }
    // Whoever had an earlier task of this id may still write; that one was forgotten, and is counted (L55).
    wanted.dispatch.birth = rows.forgotten().await?;
    rows.insert_task(&wanted).await?;
    let body = EventBody::Created { task: Box::new(wanted.snapshot()) };
    rows.append_event(&wanted.session_id, &wanted.id, now, body).await?;
    rows.announce(announcement(&wanted));
    Ok(wanted)
}

/// The stored task, if this creation asks for that very task.
async fn repeated<R: Rows>(
    rows: &mut R,
    mut stored: Task,
    wanted: &Task,
    key: impl FnOnce() -> String,
) -> Result<Created, StoreError> {
    // A task of another session is not even compared.
    if stored.session_id == wanted.session_id {
        stored.spec = rows.find_spec(&stored.id).await?;
        if same_content(&stored, wanted) {
            return Ok(Created { task: stored, fresh: false });
        }
    }
    Err(StoreError::Conflict { key: key() })
}

async fn existing<R: Rows>(rows: &mut R, id: &TaskId) -> Result<Task, StoreError> {
    rows.find_task(id)
        .await?
        .ok_or_else(|| StoreError::Corrupt { reason: format!("an idempotency key names {id}, which does not exist") })
}
