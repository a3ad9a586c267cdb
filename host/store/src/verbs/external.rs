//! Work that is done elsewhere: who has it, who is to be told of its end, and what a host is to end.
//! Does not end anything: the runner does, as it ends its own.

use taskwright_registry::{AttemptToken, HostRef, SessionId, Task, TaskId, Timestamp, take_on as decide};

use super::claim::inbox;
use super::{find_own, write};
use crate::rows::{Rows, Transaction};
use crate::unreadable::readable;
use crate::{Claimed, ExternalCancel, ExternalCancelPage, PageLimit, StoreError};

/// The largest page.
const MAX_PAGE: usize = 1_000;

pub(crate) async fn take_on<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
    holder: &HostRef,
    remote: Option<String>,
    now: Timestamp,
) -> Result<Claimed, StoreError> {
    let task = find_own(rows, session, id).await?;
    let applied = decide(&task, holder.clone(), remote, now)?;
    // Before anything is written; what the one before held comes in again with it.
    inbox(rows, &task).await?;
    let task = write(rows, &task, applied, None, now).await?;
    Ok(inbox(rows, &task).await?.with(task))
}

pub(crate) async fn external_cancels<R: Rows>(
    rows: &mut R,
    after: u64,
    limit: usize,
) -> Result<ExternalCancelPage, StoreError> {
    let limit = PageLimit::clamp(limit, MAX_PAGE);
    let mut found = rows.external_cancels_after(after, limit.applied + 1).await?;
    let more = found.len() > limit.applied;
    found.truncate(limit.applied);
    let next = found.last().filter(|_| more).map(|(place, _)| *place);
    Ok(ExternalCancelPage {
        cancels: readable(found.into_iter().map(|(_, task)| task).collect()).into_iter().filter_map(wish).collect(),
        next,
        limit,
    })
}

fn wish(task: Task) -> Option<ExternalCancel> {
    let token = AttemptToken::of(&task);
    let remote_task_id = task.links.remote_task_id;
    Some(ExternalCancel { session_id: task.session_id, task_id: task.id, token, remote_task_id, cancel: task.cancel? })
}

pub(crate) async fn external_overdue<R: Rows>(
    rows: &mut R,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<(SessionId, TaskId)>, StoreError> {
    rows.external_overdue(now, limit.clamp(1, MAX_PAGE)).await
}
