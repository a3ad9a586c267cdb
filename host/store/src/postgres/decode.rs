//! What the columns of a row in PostgreSQL mean.
//! Does not ask for any row: `rows` and others do.

use std::time::Duration;

use taskwright_registry::{HostRef, LeaseLength, Message, SessionId, SessionRecord, Task, TaskId, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

use crate::column::{of_id, of_row, rank, read, time};
use crate::rows::{LeaseRow, StoredMessage, Taken};
use crate::unreadable::Read;
use crate::{StoreError, UnreadableKind, UnreadableRow};

/// A column.
pub(super) fn get<T: FromSqlOwned>(row: &Row, at: usize) -> Result<T, StoreError> {
    row.try_get(at).map_err(|error| of_row("a column", error))
}

/// A column of text, where it lies.
pub(super) fn borrowed(row: &Row, at: usize) -> Result<&str, StoreError> {
    row.try_get(at).map_err(|error| of_row("a column", error))
}

pub(super) fn text(row: &Row, at: usize) -> Result<String, StoreError> {
    get(row, at)
}

/// A number that is never negative.
pub(super) fn number(row: &Row, at: usize) -> Result<u64, StoreError> {
    let number: i64 = get(row, at)?;
    u64::try_from(number).map_err(|error| of_row("a number", error))
}

pub(super) fn at(row: &Row, at: usize) -> Result<Timestamp, StoreError> {
    time(get(row, at)?)
}

/// JSON in a column, or what is wrong with it.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row, at: usize) -> Result<Result<T, String>, StoreError> {
    Ok(read(borrowed(row, at)?))
}

/// A number as a column has it. One that does not fit is larger than any there is.
pub(super) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn many(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A record, with its session's and its own id behind it for where it cannot be read, and its priority behind those: of the columns
/// beside a record, the one that has to be one of a few numbers.
pub(super) fn record(row: &Row, first: usize) -> Result<Read<Task>, StoreError> {
    let priority = rank(get::<i16>(row, first + 2)?.into());
    match json(row, 0)?.and_then(|task| priority.map(|_| task)) {
        Ok(task) => Ok(Ok(task)),
        Err(reason) => {
            let (session, id) = named_at(row, first)?;
            Ok(Err(UnreadableRow::of_task(UnreadableKind::Task, &session, &id, &reason)))
        }
    }
}

pub(super) fn named_record(row: &Row) -> Result<Read<Task>, StoreError> {
    record(row, 1)
}

pub(super) fn placed(row: &Row) -> Result<(u64, Read<Task>), StoreError> {
    Ok((number(row, 1)?, record(row, 2)?))
}

pub(super) fn session_record(row: &Row) -> Result<Read<SessionRecord>, StoreError> {
    match json(row, 0)? {
        Ok(record) => Ok(Ok(record)),
        Err(reason) => Ok(Err(UnreadableRow::session(&text(row, 1)?.parse().map_err(of_id)?, &reason))),
    }
}

pub(super) fn task_id(row: &Row) -> Result<TaskId, StoreError> {
    text(row, 0)?.parse().map_err(of_id)
}

pub(super) fn yes(row: &Row) -> Result<bool, StoreError> {
    get(row, 0)
}

pub(super) fn count(row: &Row) -> Result<u64, StoreError> {
    number(row, 0)
}

pub(super) fn named_at(row: &Row, first: usize) -> Result<(SessionId, TaskId), StoreError> {
    Ok((text(row, first)?.parse().map_err(of_id)?, text(row, first + 1)?.parse().map_err(of_id)?))
}

/// What messages are read from.
pub(super) const MESSAGES: &str = "SELECT m.body, s.id, t.id, m.id, m.no, m.taken, m.answered
     FROM messages m JOIN tasks t ON t.no = m.task JOIN sessions s ON s.no = t.session";

pub(super) fn message(row: &Row) -> Result<Read<Message>, StoreError> {
    match json(row, 0)? {
        Ok(message) => Ok(Ok(message)),
        Err(reason) => {
            let (session, task) = named_at(row, 1)?;
            Ok(Err(UnreadableRow::part(UnreadableKind::Message, &session, &task, &text(row, 3)?, &reason)))
        }
    }
}

/// A message with what is known about it.
pub(super) fn stored_message(row: &Row) -> Result<Read<StoredMessage>, StoreError> {
    let (taken, answered) = (Taken::from_number(get(row, 5)?)?, get(row, 6)?);
    Ok(message(row)?.map(|message| StoredMessage { message, taken, answered }))
}

/// What a lease is read from.
pub(super) const LEASE: &str = "SELECT id, epoch, length_ms, era, until_ms, taken, opened_at, renewed_at FROM hosts";

pub(super) fn lease(row: &Row) -> Result<LeaseRow, StoreError> {
    let id = text(row, 0)?.parse().map_err(of_id)?;
    let length = LeaseLength::new(Duration::from_millis(number(row, 2)?));
    Ok(LeaseRow {
        host: HostRef { id, epoch: number(row, 1)? },
        length: length.map_err(|error| of_row("a lease", error))?,
        era: text(row, 3)?,
        until_millis: number(row, 4)?,
        taken: get(row, 5)?,
        opened_at: at(row, 6)?,
        renewed_at: at(row, 7)?,
    })
}
