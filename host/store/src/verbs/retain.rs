//! Forgetting what has been over for long enough.
//! Does not touch a live task, one with children that are still known, or the middle of a log.

use taskwright_registry::{SessionId, TaskId, Timestamp};

use super::find_own;
use crate::rows::{Rows, Transaction};
use crate::{FinishedPage, FinishedPlace, PageLimit, StoreError};

/// The most tasks in one page.
const MAX_PAGE: usize = 1_000;
/// The most events that one call takes away one by one.
const MAX_EVENTS: usize = 5_000;

pub(crate) async fn finished<R: Rows>(
    rows: &mut R,
    before: Timestamp,
    after: Option<FinishedPlace>,
    limit: usize,
) -> Result<FinishedPage, StoreError> {
    let limit = PageLimit::clamp(limit, MAX_PAGE);
    let mut found = rows.finished_before(before, after, limit.applied + 1).await?;
    let more = found.len() > limit.applied;
    found.truncate(limit.applied);
    let next = found.last().filter(|_| more).map(|(place, _)| *place);
    Ok(FinishedPage { tasks: found.into_iter().map(|(_, task)| task).collect(), next, limit })
}

pub(crate) async fn forget<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
    before: Timestamp,
) -> Result<bool, StoreError> {
    let ended = match find_own(rows, session, id).await {
        Err(StoreError::NotFound { .. }) => return Ok(false),
        // Its columns say as much.
        Err(StoreError::Unreadable(_)) => rows.find_stored(id).await?.and_then(|stored| stored.finished_at),
        found => found?.finished_at,
    };
    if ended.is_none_or(|at| at >= before) || rows.has_children(session, id).await? {
        return Ok(false);
    }
    rows.delete_task(session, id).await?;
    Ok(true)
}

pub(crate) async fn trim_log<T: Transaction>(
    rows: &mut T,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    rows.delete_oldest_events(before, limit.clamp(1, MAX_EVENTS)).await
}
