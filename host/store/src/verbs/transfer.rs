//! Moving tasks to another session, all of them or none (L48).
//! Does not stop their instances: those go on, and what they write lands where the task is.

use std::collections::HashSet;

use taskwright_registry::{EventBody, Fence, HostRef, SessionId, SessionRejection, Task, TaskId, Timestamp, moved};

use super::session::{Admitting, admit, refuse};
use super::{announcement, find_own};
use crate::rows::{Rows, Transaction};
use crate::unreadable::{passed_by, readable};
use crate::{Change, Order, StoreError, TaskFilter};

/// Tasks that may move in one transaction, children included.
const MOST: usize = 1_000;

pub(crate) async fn transfer<T: Transaction>(
    rows: &mut T,
    from: &SessionId,
    ids: &[TaskId],
    to: &SessionId,
    now: Timestamp,
) -> Result<Vec<Task>, StoreError> {
    let mut named = Vec::with_capacity(ids.len());
    let mut seen = HashSet::new();
    for id in ids {
        if seen.insert(id) {
            named.push(find_own(rows, from, id).await?);
        }
    }
    // Where nothing moves, nothing is opened either.
    if from == to || named.is_empty() {
        return Ok(named);
    }
    let successor = admit(rows, to, now).await?;
    move_tree(rows, &named, from, &successor, now).await
}

/// Whether neither the name nor the key of a task is in use in a session.
async fn check_free<R: Rows>(rows: &mut R, task: &Task, to: &SessionId) -> Result<(), StoreError> {
    if let Some(name) = task.name.as_ref().filter(|_| task.state.is_live())
        && let Some(holder) = rows.find_live_name(to, name).await?
    {
        return Err(StoreError::NameTaken { name: name.clone(), holder });
    }
    if let Some(key) = &task.idempotency_key
        && let Some(holder) = rows.find_by_key(to, key).await?
    {
        return Err(StoreError::KeyTaken { key: key.clone(), holder });
    }
    Ok(())
}

/// Moves tasks with all that their instances have begun. Refuses before it writes anything.
pub(super) async fn move_tree<T: Transaction>(
    rows: &mut T,
    named: &[Task],
    from: &SessionId,
    successor: &Admitting,
    now: Timestamp,
) -> Result<Vec<Task>, StoreError> {
    let to = &successor.record.id;
    let leaving = plan_move(rows, named, from, to).await?;
    let mut there = Vec::with_capacity(leaving.len());
    if successor.fresh {
        rows.put_session(&successor.record).await?;
    }
    for task in leaving {
        let after = moved(&task, to, now);
        rows.move_task(&task, &after).await?;
        let told = |task: &Task| EventBody::Transferred {
            from: from.clone(),
            to: to.clone(),
            task: Box::new(task.snapshot()),
        };
        rows.append_event(from, &task.id, now, told(&after)).await?;
        rows.append_event(to, &task.id, now, told(&after)).await?;
        rows.announce(announcement(&task));
        rows.announce(announcement(&after));
        there.push(after);
    }
    // Their wakes have moved along, and whoever delivers those of the other session has not heard of them.
    if !rows.pending_wakes(to, 1).await?.is_empty() {
        rows.announce(Change::Woken { session_id: to.clone() });
    }
    Ok(there)
}

/// What leaves when these tasks move, with all that their instances have begun, or why they cannot.
pub(super) async fn plan_move<R: Rows>(
    rows: &mut R,
    named: &[Task],
    from: &SessionId,
    to: &SessionId,
) -> Result<Vec<Task>, StoreError> {
    let mut leaving = named.to_vec();
    let mut going: HashSet<TaskId> = leaving.iter().map(|task| task.id.clone()).collect();
    let mut looked_at = 0;
    while let Some(parent) = leaving.get(looked_at).map(|task| task.id.clone()) {
        looked_at += 1;
        for child in begun_by(rows, from, &parent).await? {
            if going.insert(child.id.clone()) {
                leaving.push(child);
            }
        }
        if leaving.len() > MOST {
            let reason = SessionRejection::TooMany { allowed: MOST, wanted: leaving.len() };
            return Err(refuse(from, reason));
        }
    }
    for task in named {
        if let Some(parent) = live_parent(rows, task).await?.filter(|parent| !going.contains(&parent.id)) {
            return Err(refuse(from, SessionRejection::ParentStays { child: task.id.clone(), parent: parent.id }));
        }
    }
    for task in &leaving {
        check_free(rows, task, to).await?;
    }
    Ok(leaving)
}

/// The tasks that instances of a task have begun, live or over: its next instance looks at them.
async fn begun_by<R: Rows>(rows: &mut R, session: &SessionId, parent: &TaskId) -> Result<Vec<Task>, StoreError> {
    let filter = TaskFilter { parent_task_id: Some(parent.to_string()), ..TaskFilter::all() };
    let mut children = readable(rows.tasks_of(session, &filter, Order::OldestFirst, None, MOST + 1).await?);
    children.retain(|child| child.depth > 0);
    Ok(children)
}

/// The live task of the same session an instance of which has begun this one.
pub(super) async fn live_parent<R: Rows>(rows: &mut R, task: &Task) -> Result<Option<Task>, StoreError> {
    let named = task.parent.task_id.as_ref().filter(|_| task.depth > 0);
    let Some(id) = named.and_then(|id| id.parse::<TaskId>().ok()) else { return Ok(None) };
    let parent = passed_by(rows.find_task(&id).await)?;
    Ok(parent.filter(|parent| parent.session_id == task.session_id && parent.state.is_live()))
}

/// The record of a task as the instance of a claim sees it, whichever session it is in by now, and also when it is over.
pub(crate) async fn claimed_task<R: Rows>(rows: &mut R, id: &TaskId, claim: Fence) -> Result<Option<Task>, StoreError> {
    let newest = |task: &Task| (task.dispatch.birth, task.dispatch.claim) == (claim.birth, claim.claim);
    Ok(rows.find_task(id).await?.filter(newest))
}

/// The record of a task as the host sees it that has an instance of it, whichever session it is in by now.
pub(crate) async fn held_task<R: Rows>(rows: &mut R, host: &HostRef, id: &TaskId) -> Result<Task, StoreError> {
    match rows.find_task(id).await? {
        Some(task) if task.dispatch.host.as_ref() == Some(host) => Ok(task),
        _ => Err(StoreError::NotHeld { host: host.clone(), id: id.clone() }),
    }
}
