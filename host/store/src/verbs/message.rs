//! Messages: recording, reading, and noting which an instance has taken.
//! Does not hand them to an instance: the runner does.

use taskwright_registry::{
    Fence, Message, MessageId, NewMessage, Rejection, SessionId, TaskId, Timestamp, acknowledge, check_fence,
    record_message as decide, same_message,
};

use super::{find_own, owns, write};
use crate::rows::{Rows, Taken, Transaction};
use crate::{MessagePage, RecordedMessage, StoreError};

/// The largest page of messages.
const MAX_PAGE: usize = 500;

pub(crate) async fn record_message<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
    new: NewMessage,
    now: Timestamp,
) -> Result<RecordedMessage, StoreError> {
    let task = find_own(rows, session, id).await?;
    if let Some(stored) = rows.find_message(&new.id).await? {
        if !same_message(&stored.message, id, &new) {
            return Err(StoreError::Conflict { key: new.id.to_string() });
        }
        return Ok(RecordedMessage { message: stored.message, task, answered: stored.answered });
    }
    let recorded = decide(&task, new, now)?;
    rows.insert_message(&recorded.message, recorded.answered).await?;
    let task = write(rows, &task, recorded.applied, Some(&recorded.message), now).await?;
    Ok(RecordedMessage { message: recorded.message, task, answered: recorded.answered })
}

pub(crate) async fn messages<R: Rows>(
    rows: &mut R,
    session: &SessionId,
    id: &TaskId,
    page: &MessagePage,
) -> Result<Vec<Message>, StoreError> {
    if !owns(rows, session, id).await? {
        return Ok(Vec::new());
    }
    let limit = page.limit.clamp(1, MAX_PAGE);
    let Some(after) = &page.after else {
        return rows.latest_messages(id, limit).await;
    };
    match rows.find_message(after).await? {
        Some(known) if known.message.task_id == *id => rows.messages_after(id, after, limit).await,
        _ => Ok(Vec::new()),
    }
}

pub(crate) async fn unread<R: Rows>(
    rows: &mut R,
    session: &SessionId,
    id: &TaskId,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    if owns(rows, session, id).await? { rows.unread(id, limit).await } else { Ok(Vec::new()) }
}

pub(crate) async fn mark_delivered<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
    fence: Fence,
    message: &MessageId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let task = find_own(rows, session, id).await?;
    check_fence(&task, Some(fence))?;
    let known = rows.find_message(message).await?.filter(|known| known.message.task_id == *id);
    let Some(known) = known else {
        let problem = format!("the task has no message {message}");
        return Err(Rejection::Invalid { field: "message".to_owned(), problem }.into());
    };
    let inbound = known.message.direction == taskwright_registry::Direction::Inbound;
    if known.taken != Taken::No || !inbound {
        return Ok(());
    }
    let applied = acknowledge(&task, fence, now)?;
    let held = applied.task.dispatch.held > task.dispatch.held;
    rows.take_message(message, if held { Taken::Held } else { Taken::Settled }).await?;
    write(rows, &task, applied, None, now).await?;
    Ok(())
}
