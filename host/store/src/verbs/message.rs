//! Messages: recording, reading, and noting which an instance has taken.
//! Does not hand them to an instance: the runner does.

use taskwright_registry::{
    Fence, Message, MessageId, NewMessage, Rejection, SessionId, TaskId, Timestamp, acknowledge, check_fence,
    record_message as decide, same_message,
};

use taskwright_registry::limit::INBOX_MESSAGES;

use super::{find_own, owns, write};
use crate::rows::{Rows, Taken, Transaction};
use crate::{MessagePage, Page, PageLimit, RecordedMessage, StoreError};

pub(crate) async fn record_message<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
    mut new: NewMessage,
    now: Timestamp,
) -> Result<RecordedMessage, StoreError> {
    new.check_storable()?;
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
) -> Result<Page<Message>, StoreError> {
    let limit = PageLimit::clamp(page.limit, MessagePage::MAX_LIMIT);
    if !owns(rows, session, id).await? {
        return Ok(Page::empty(limit));
    }
    let Some(after) = &page.after else {
        let mut latest = rows.latest_messages(id, limit.applied + 1).await?;
        // The one too many is the oldest.
        let more = latest.len() > limit.applied;
        latest.drain(..usize::from(more));
        return Ok(Page { more, ..Page::cut(latest, limit) });
    };
    let known = match rows.find_message(after).await {
        Ok(known) => known.is_some_and(|known| known.message.task_id == *id),
        Err(StoreError::Unreadable(row)) => row.task_id.as_ref() == Some(id),
        Err(error) => return Err(error),
    };
    if !known {
        return Ok(Page::empty(limit));
    }
    Ok(Page::cut(rows.messages_after(id, after, limit.applied + 1).await?, limit))
}

pub(crate) async fn unread<R: Rows>(
    rows: &mut R,
    session: &SessionId,
    id: &TaskId,
    limit: usize,
) -> Result<Page<Message>, StoreError> {
    let limit = PageLimit::clamp(limit, INBOX_MESSAGES);
    if owns(rows, session, id).await? {
        Ok(Page::cut(rows.unread(id, limit.applied + 1).await?, limit))
    } else {
        Ok(Page::empty(limit))
    }
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
