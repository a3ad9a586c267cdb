//! The life of a session: opening, suspending, closing, deleting.
//! Does not decide what a step means: the core does, for the session and for each of its tasks.

use taskwright_registry::{
    CloseFate, CloseOrder, SessionId, SessionOwner, SessionRecord, SessionRejection, SessionState, Task, TaskId,
    Timestamp, check_reason, close_fate, open_session as decide_open, request_cancel,
};

use super::transfer::{live_parent, move_tree, plan_move};
use super::write;
use crate::rows::{Rows, Transaction};
use crate::unreadable::{Read, parted, passed_by, readable};
use crate::{Change, CloseStep, PageLimit, SessionPage, SessionQuery, StoreError};

/// Tasks that are looked at in one transaction.
const STEP: usize = 500;
/// Events that go with one step of deleting.
const EVENTS: usize = 5_000;

pub(super) fn refuse(session: &SessionId, reason: SessionRejection) -> StoreError {
    StoreError::SessionRejected { session: session.clone(), reason }
}

pub(super) async fn existing<R: Rows>(rows: &mut R, id: &SessionId) -> Result<SessionRecord, StoreError> {
    rows.find_session(id).await?.ok_or_else(|| StoreError::NoSession { session: id.clone() })
}

/// Whether a session is given its wakes (L47). One that nobody knows has none.
pub(super) async fn is_woken<R: Rows>(rows: &mut R, id: &SessionId) -> Result<bool, StoreError> {
    Ok(rows.find_session(id).await?.is_none_or(|session| session.state != SessionState::Suspended))
}

/// A session that takes tasks.
pub(super) struct Admitting {
    pub(super) record: SessionRecord,
    /// Whether nobody has opened it before, so that it has to be written with its first task.
    pub(super) fresh: bool,
}

/// The session in which a task is about to begin or to which it is about to move.
pub(super) async fn admit<R: Rows>(rows: &mut R, id: &SessionId, now: Timestamp) -> Result<Admitting, StoreError> {
    let found = rows.find_session(id).await?;
    let fresh = found.is_none();
    let record = found.unwrap_or_else(|| decide_open(id.clone(), None, now));
    record.admit().map_err(|reason| refuse(id, reason))?;
    Ok(Admitting { record, fresh })
}

async fn put<T: Transaction>(
    rows: &mut T,
    before: &SessionRecord,
    after: SessionRecord,
) -> Result<SessionRecord, StoreError> {
    if after != *before {
        rows.put_session(&after).await?;
        rows.announce(Change::Session { session_id: after.id.clone() });
    }
    Ok(after)
}

pub(crate) async fn open_session<T: Transaction>(
    rows: &mut T,
    id: &SessionId,
    owner: Option<SessionOwner>,
    now: Timestamp,
) -> Result<SessionRecord, StoreError> {
    if let Some(found) = rows.find_session(id).await? {
        found.reopened(owner.as_ref()).map_err(|reason| refuse(id, reason))?;
        return Ok(found);
    }
    let mut session = decide_open(id.clone(), owner, now);
    if let Some(owner) = &session.owner {
        // What was canceled opens nothing more (L49).
        let by_task = match &owner.task_id {
            Some(task) => super::lineage::is_canceled(rows, &owner.session_id, task).await?,
            None => false,
        };
        let by_session = rows.find_session(&owner.session_id).await?.is_some_and(|of| of.canceled_at.is_some());
        if by_task || by_session {
            session = session.canceled(now);
            session.admit().map_err(|reason| refuse(id, reason))?;
        }
    }
    rows.put_session(&session).await?;
    rows.announce(Change::Session { session_id: id.clone() });
    Ok(session)
}

pub(crate) async fn session<R: Rows>(rows: &mut R, id: &SessionId) -> Result<SessionRecord, StoreError> {
    existing(rows, id).await
}

pub(crate) async fn sessions<R: Rows>(rows: &mut R, query: &SessionQuery) -> Result<SessionPage, StoreError> {
    let limit = PageLimit::clamp(query.limit, SessionQuery::MAX_LIMIT);
    let mut sessions = rows.sessions_after(&query.states, query.after.as_ref(), limit.applied + 1).await?;
    let more = sessions.len() > limit.applied;
    sessions.truncate(limit.applied);
    let id = |read: &Read<SessionRecord>| match read {
        Ok(session) => session.id.clone(),
        Err(row) => row.session_id.clone(),
    };
    let next = sessions.last().filter(|_| more).map(id);
    let (sessions, unreadable) = parted(sessions);
    Ok(SessionPage { sessions, next, limit, unreadable })
}

pub(crate) async fn suspend_session<T: Transaction>(
    rows: &mut T,
    id: &SessionId,
    now: Timestamp,
) -> Result<SessionRecord, StoreError> {
    let session = existing(rows, id).await?;
    let next = session.suspended(now).map_err(|reason| refuse(id, reason))?;
    put(rows, &session, next).await
}

pub(crate) async fn resume_session<T: Transaction>(
    rows: &mut T,
    id: &SessionId,
    now: Timestamp,
) -> Result<SessionRecord, StoreError> {
    let session = existing(rows, id).await?;
    let next = session.resumed(now).map_err(|reason| refuse(id, reason))?;
    let resumed = put(rows, &session, next).await?;
    if resumed != session && !rows.pending_wakes(id, 1).await?.is_empty() {
        rows.announce(Change::Woken { session_id: id.clone() });
    }
    Ok(resumed)
}

pub(crate) async fn close_session<T: Transaction>(
    rows: &mut T,
    id: &SessionId,
    order: CloseOrder,
    now: Timestamp,
) -> Result<CloseStep, StoreError> {
    check_reason(order.reason.as_deref())?;
    let session = existing(rows, id).await?;
    let next = session.closing(&order, now).map_err(|reason| refuse(id, reason))?;
    if !session.state.takes_tasks() {
        return Ok(CloseStep { session: put(rows, &session, next).await?, ended: Vec::new() });
    }
    check_plan(rows, id, order.successor.as_ref(), now).await?;
    let planned = put(rows, &session, next).await?;
    step(rows, planned, STEP, now).await
}

/// Whether all that is to move can move now: a plan that cannot be carried out is refused before anything is written.
async fn check_plan<R: Rows>(
    rows: &mut R,
    id: &SessionId,
    successor: Option<&SessionId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(successor) = successor {
        admit(rows, successor, now).await?;
    }
    let mut after = 0;
    loop {
        let live = rows.live_after(id, after, STEP).await?;
        for (place, task) in &live {
            after = *place;
            // One that cannot be read stays, and keeps none of the others.
            let Ok(task) = task else { continue };
            if close_fate(task) != CloseFate::Moves {
                continue;
            }
            let Some(successor) = successor else {
                return Err(refuse(id, SessionRejection::NeedsSuccessor { task: task.id.clone() }));
            };
            // What goes along with its parent is looked at with that.
            let follows = live_parent(rows, task).await?.is_some_and(|parent| close_fate(&parent) == CloseFate::Moves);
            if !follows {
                plan_move(rows, std::slice::from_ref(task), id, successor).await?;
            }
        }
        if live.len() < STEP {
            return Ok(());
        }
    }
}

pub(crate) async fn carry_out_close<T: Transaction>(
    rows: &mut T,
    id: &SessionId,
    limit: usize,
    now: Timestamp,
) -> Result<CloseStep, StoreError> {
    let session = existing(rows, id).await?;
    if session.state != SessionState::Closing {
        return Ok(CloseStep { session, ended: Vec::new() });
    }
    step(rows, session, limit.clamp(1, STEP), now).await
}

/// Does what closing means for the next tasks (L46).
async fn step<T: Transaction>(
    rows: &mut T,
    session: SessionRecord,
    limit: usize,
    now: Timestamp,
) -> Result<CloseStep, StoreError> {
    let live = rows.live_after(&session.id, session.closed_up_to, limit).await?;
    let up_to = live.last().map(|(place, _)| *place).filter(|_| live.len() == limit);
    let reason = session.close_reason.as_deref().unwrap_or("the session was closed");
    let mut ended = Vec::new();
    for (_, listed) in live {
        let listed = match listed {
            Ok(listed) => listed,
            Err(row) => {
                row.note();
                continue;
            }
        };
        // A parent that has moved has taken its children along.
        let Some(task) = passed_by(rows.find_task(&listed.id).await)?.filter(|task| task.session_id == session.id)
        else {
            continue;
        };
        let to = match close_fate(&task) {
            CloseFate::Stays => continue,
            CloseFate::Canceled => None,
            CloseFate::Moves => session.successor.as_ref(),
        };
        if let Some(to) = to
            && follow(rows, &task, to, now).await?
        {
            continue;
        }
        let (applied, _) = request_cancel(&task, Some(reason), now)?;
        let after = write(rows, &task, applied, None, now).await?;
        if after.state.is_terminal() {
            ended.push(after);
        }
    }
    let next = session.closed_up_to(up_to, now);
    Ok(CloseStep { session: put(rows, &session, next).await?, ended })
}

/// Moves a task to the successor of its session, and says whether it still could. Trouble of the store is no word about that:
/// whoever comes next tries again.
async fn follow<T: Transaction>(rows: &mut T, task: &Task, to: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
    let moved = match admit(rows, to, now).await {
        Ok(successor) => move_tree(rows, std::slice::from_ref(task), &task.session_id, &successor, now).await,
        Err(refused) => Err(refused),
    };
    match moved {
        Ok(_) => Ok(true),
        Err(
            StoreError::SessionRejected { .. }
            | StoreError::NameTaken { .. }
            | StoreError::KeyTaken { .. }
            | StoreError::Unreadable(_),
        ) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

pub(crate) async fn delete_session<T: Transaction>(
    rows: &mut T,
    id: &SessionId,
    now: Timestamp,
) -> Result<SessionRecord, StoreError> {
    let session = existing(rows, id).await?;
    let next = session.deleted(now).map_err(|reason| refuse(id, reason))?;
    put(rows, &session, next).await
}

pub(crate) async fn ending_sessions<R: Rows>(rows: &mut R, limit: usize) -> Result<Vec<SessionRecord>, StoreError> {
    Ok(readable(rows.sessions_to_end(limit.clamp(1, SessionQuery::MAX_LIMIT)).await?))
}

/// Whether nothing keeps the session any more.
async fn erasable<R: Rows>(rows: &mut R, id: &SessionId) -> Result<bool, StoreError> {
    let wanted = rows.find_session(id).await?.is_some_and(|of| of.state == SessionState::Closed && of.delete);
    let (mut after, mut kept) = (0, !wanted);
    while !kept {
        let live = rows.live_after(id, after, STEP).await?;
        // One that cannot be read is deleted with its session: nobody can run it.
        kept = live.iter().any(|(_, task)| task.is_ok());
        match live.last() {
            Some((place, _)) if live.len() == STEP => after = *place,
            _ => break,
        }
    }
    Ok(!kept)
}

pub(crate) async fn to_erase<R: Rows>(rows: &mut R, id: &SessionId, limit: usize) -> Result<Vec<TaskId>, StoreError> {
    if erasable(rows, id).await? { rows.ids_of(id, limit.clamp(1, STEP)).await } else { Ok(Vec::new()) }
}

pub(crate) async fn erase<T: Transaction>(rows: &mut T, id: &SessionId, erased: &[TaskId]) -> Result<bool, StoreError> {
    if !erasable(rows, id).await? {
        return Ok(rows.find_session(id).await?.is_none());
    }
    for task in erased {
        if rows.owner(task).await?.as_ref() == Some(id) {
            rows.delete_task(id, task).await?;
        }
    }
    if !rows.ids_of(id, 1).await?.is_empty() || rows.delete_events_of(id, EVENTS).await? == EVENTS {
        return Ok(false);
    }
    rows.delete_session(id).await?;
    rows.announce(Change::Session { session_id: id.clone() });
    Ok(true)
}
