//! Finding what cannot be read, ending or deleting the task that it belongs to, and giving a session a record again.
//! Does not touch a task or session that can be read.

use taskwright_registry::{
    EventBody, Rejection, SessionId, SessionRecord, State, Task, TaskError, TaskId, TaskUpdate, Timestamp, apply, limit,
};

use super::{announcement, not_found, write};
use crate::repair::{ALL, LOOKED_AT};
use crate::rows::{Rows, Transaction};
use crate::salvage::{StoredTask, salvage, salvage_session};
use crate::{StoreError, UnreadablePage, UnreadablePlace, UnreadableRow};

/// Messages that are read at a time.
const PAGE: usize = 200;

pub(crate) async fn unreadable<R: Rows>(
    rows: &mut R,
    after: Option<UnreadablePlace>,
) -> Result<UnreadablePage, StoreError> {
    let UnreadablePlace { what, row } = after.unwrap_or(UnreadablePlace { what: ALL[0], row: 0 });
    let looked_at = rows.scan(what, row, LOOKED_AT).await?;
    let next = match looked_at.last() {
        Some((row, _)) if looked_at.len() == LOOKED_AT => Some(UnreadablePlace { what, row: *row }),
        _ => {
            let behind = ALL.iter().skip_while(|other| **other != what).nth(1);
            behind.map(|what| UnreadablePlace { what: *what, row: 0 })
        }
    };
    Ok(UnreadablePage { rows: looked_at.into_iter().filter_map(|(_, row)| row).collect(), next })
}

/// A task's columns, if it is one of this session.
async fn stored<R: Rows>(rows: &mut R, session: &SessionId, id: &TaskId) -> Result<StoredTask, StoreError> {
    let stored = rows.find_stored(id).await?;
    stored.filter(|stored| stored.session_id == *session).ok_or_else(|| not_found(session, id))
}

fn can_be_read(id: &TaskId) -> StoreError {
    let problem = format!("{id} can be read, and is ended, canceled or forgotten as any other");
    Rejection::Invalid { field: "task".to_owned(), problem }.into()
}

/// What of something cannot be read, if anything.
fn of<T>(found: Result<T, StoreError>) -> Result<Option<UnreadableRow>, StoreError> {
    match found {
        Ok(_) => Ok(None),
        Err(StoreError::Unreadable(row)) => Ok(Some(row)),
        Err(error) => Err(error),
    }
}

pub(crate) async fn end_unreadable<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
    now: Timestamp,
) -> Result<Task, StoreError> {
    let stored = stored(rows, session, id).await?;
    let of_record = of(rows.find_task(id).await)?;
    let of_spec = of(rows.find_spec(id).await)?;
    let of_inbox = rows.unread(id, limit::INBOX_MESSAGES).await?.into_iter().find_map(Result::err);
    let Some(row) = of_record.clone().or_else(|| of_spec.clone()).or(of_inbox) else { return Err(can_be_read(id)) };
    let before = match rows.find_task(id).await {
        Ok(Some(task)) => task,
        _ => salvage(&stored, now)?,
    };
    if of_record.is_some() {
        rows.put_priority(&before).await?;
    }
    if before.state.is_live() {
        let message = format!("the {} {} could not be read: {}", row.what.as_str(), row.id, row.reason);
        let error = TaskError { detail: None, kind: "unreadable".to_owned(), message };
        let update = TaskUpdate { state: Some(State::Failed), error: Some(error), ..TaskUpdate::default() };
        let applied = apply(&before, update, now)?;
        if of_spec.is_some() {
            rows.clear_spec(id).await?;
        }
        return write(rows, &before, applied, None, now).await;
    }
    if of_spec.is_some() {
        rows.clear_spec(id).await?;
    }
    if of_record.is_none() {
        return Ok(before);
    }
    let after = Task { version: before.version + 1, updated_at: now, ..before.clone() };
    rows.put_task(&before, &after).await?;
    let body = EventBody::Updated { task: Box::new(after.snapshot()), changes: vec!["record".to_owned()] };
    rows.append_event(session, id, now, body).await?;
    rows.announce(announcement(&after));
    Ok(after)
}

pub(crate) async fn mend_session<T: Transaction>(
    rows: &mut T,
    id: &SessionId,
    now: Timestamp,
) -> Result<SessionRecord, StoreError> {
    match rows.find_session(id).await {
        Err(StoreError::Unreadable(_)) => {}
        Err(error) => return Err(error),
        Ok(None) => return Err(StoreError::NoSession { session: id.clone() }),
        Ok(Some(_)) => {
            let problem = format!("{id} can be read, and is resumed, closed or deleted as any other");
            return Err(Rejection::Invalid { field: "session".to_owned(), problem }.into());
        }
    }
    let text = rows.session_text(id).await?.unwrap_or_default();
    let session = salvage_session(id, &text, now)?;
    rows.put_session(&session).await?;
    rows.announce(crate::Change::Session { session_id: id.clone() });
    Ok(session)
}

pub(crate) async fn delete_unreadable<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
) -> Result<(), StoreError> {
    stored(rows, session, id).await?;
    let mut damaged = of(rows.find_task(id).await)?.is_some()
        || of(rows.find_spec(id).await)?.is_some()
        || of(rows.find_result(id).await)?.is_some();
    let mut after = 0;
    while !damaged {
        let page = rows.messages_from(id, after, PAGE).await?;
        damaged = page.iter().any(|(_, message)| message.is_err());
        match page.last() {
            Some((place, _)) => after = *place,
            None => return Err(can_be_read(id)),
        }
    }
    rows.delete_task(session, id).await?;
    rows.announce(crate::Change::Task { session_id: session.clone(), task_id: id.clone(), due_at: None });
    Ok(())
}
