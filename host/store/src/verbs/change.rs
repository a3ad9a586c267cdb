//! Changing a task: updates and cancels.
//! Does not judge the change: the core does, and what it refuses is written nowhere.

use taskwright_registry::{CancelEffect, SessionId, Task, TaskId, TaskUpdate, Timestamp, apply};

use super::{find_own, write};
use crate::StoreError;
use crate::rows::Transaction;

pub(crate) async fn update<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
    update: TaskUpdate,
    now: Timestamp,
) -> Result<Task, StoreError> {
    let task = find_own(rows, session, id).await?;
    let applied = apply(&task, update, now)?;
    write(rows, &task, applied, None, now).await
}

pub(crate) async fn request_cancel<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(Task, CancelEffect), StoreError> {
    let task = find_own(rows, session, id).await?;
    let (applied, effect) = taskwright_registry::request_cancel(&task, reason, now)?;
    Ok((write(rows, &task, applied, None, now).await?, effect))
}
