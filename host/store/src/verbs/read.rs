//! Reading records, results, the log and the inbox of wakes.
//! Does not read messages: those have a module of their own.

use serde_json::Value;
use taskwright_registry::{SessionId, Task, TaskId, Timestamp, Wake};

use super::session::is_woken;
use super::{find_own, not_found, owns};
use crate::rows::Rows;
use crate::unreadable::{Read, parted, passed_by};
use crate::{Backlog, CodeInUse, EventPage, KindOffer, Page, PageLimit, StoreError, TaskPage, TaskQuery, WokenPage};

/// The largest page of events, wakes, or sessions with wakes.
const MAX_PAGE: usize = 1_000;

pub(crate) async fn get<R: Rows>(rows: &mut R, session: &SessionId, id: &TaskId) -> Result<Task, StoreError> {
    find_own(rows, session, id).await
}

pub(crate) async fn list<R: Rows>(
    rows: &mut R,
    session: &SessionId,
    query: &TaskQuery,
) -> Result<TaskPage, StoreError> {
    let limit = PageLimit::clamp(query.limit, TaskQuery::MAX_LIMIT);
    let cursor = match &query.after {
        Some(after) => owns(rows, session, after).await?,
        None => true,
    };
    // A text with U+0000 is nobody's, and no database can be asked for it.
    if !cursor || query.filter.holds_nul() {
        return Ok(TaskPage { tasks: Vec::new(), next: None, limit, unreadable: Vec::new() });
    }
    let mut tasks = rows.tasks_of(session, &query.filter, query.order, query.after.as_ref(), limit.applied + 1).await?;
    let more = tasks.len() > limit.applied;
    tasks.truncate(limit.applied);
    let id = |read: &Read<Task>| match read {
        Ok(task) => Some(task.id.clone()),
        Err(row) => row.task_id.clone(),
    };
    let next = tasks.last().filter(|_| more).and_then(id);
    let (tasks, unreadable) = parted(tasks);
    Ok(TaskPage { tasks, next, limit, unreadable })
}

pub(crate) async fn checkpoint<R: Rows>(
    rows: &mut R,
    session: &SessionId,
    id: &TaskId,
) -> Result<Option<Vec<u8>>, StoreError> {
    if owns(rows, session, id).await? { rows.find_checkpoint(id).await } else { Err(not_found(session, id)) }
}

pub(crate) async fn result<R: Rows>(
    rows: &mut R,
    session: &SessionId,
    id: &TaskId,
) -> Result<Option<Value>, StoreError> {
    if owns(rows, session, id).await? { rows.find_result(id).await } else { Err(not_found(session, id)) }
}

pub(crate) async fn code_in_use<R: Rows>(rows: &mut R) -> Result<Vec<CodeInUse>, StoreError> {
    rows.code_in_use().await
}

pub(crate) async fn next_due<R: Rows>(
    rows: &mut R,
    kinds: &[KindOffer],
    after: Option<Timestamp>,
) -> Result<Option<Timestamp>, StoreError> {
    rows.next_due(kinds, after).await
}

pub(crate) async fn backlog<R: Rows>(
    rows: &mut R,
    kinds: &[KindOffer],
    now: Timestamp,
) -> Result<Vec<Backlog>, StoreError> {
    rows.backlog(kinds, now).await
}

pub(crate) async fn events<R: Rows>(
    rows: &mut R,
    session: &SessionId,
    after: u64,
    limit: usize,
) -> Result<EventPage, StoreError> {
    let limit = PageLimit::clamp(limit, MAX_PAGE);
    let events = rows.events_after(session, after, limit.applied).await?;
    Ok(EventPage { events, first: rows.first_seq(session).await?, last: rows.last_seq(session).await?, limit })
}

pub(crate) async fn wakes<R: Rows>(rows: &mut R, session: &SessionId, limit: usize) -> Result<Page<Wake>, StoreError> {
    let limit = PageLimit::clamp(limit, MAX_PAGE);
    // L47
    if !is_woken(rows, session).await? {
        return Ok(Page::empty(limit));
    }
    Ok(Page::cut(rows.pending_wakes(session, limit.applied + 1).await?, limit))
}

pub(crate) async fn sessions_with_wakes<R: Rows>(
    rows: &mut R,
    after: Option<u64>,
    limit: usize,
) -> Result<WokenPage, StoreError> {
    let limit = PageLimit::clamp(limit, MAX_PAGE);
    let mut found = rows.woken_sessions(after, limit.applied + 1).await?;
    let more = found.len() > limit.applied;
    found.truncate(limit.applied);
    let next = found.last().filter(|_| more).map(|(place, _)| *place);
    let mut sessions = Vec::with_capacity(found.len());
    for (_, session) in found {
        // L47
        if passed_by(is_woken(rows, &session).await.map(Some))?.unwrap_or(false) {
            sessions.push(session);
        }
    }
    Ok(WokenPage { sessions, next, limit })
}
