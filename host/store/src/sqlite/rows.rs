//! Rows out of a SQLite database.
//! Does not write: `write_rows` does, over the same type.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use serde_json::Value;
use taskwright_registry::{
    Event, HostId, HostRef, LeaseLength, Message, MessageId, SessionId, SessionRecord, SessionState, Task, TaskId,
    Timestamp, Wake,
};

use super::failure::{of_id, of_row};
use super::text::{millis, time};
use crate::column::{rank, read};
use crate::committed::Committed;
use crate::encoded::{self, Encoded};
use crate::rows::{LeaseRow, Rows, StoredMessage, Taken};
use crate::salvage::StoredTask;
use crate::scan::{self, Looked};
use crate::unreadable::{MISSING, Read, whole_wake};
use crate::{CodeInUse, FinishedPlace, Order, StoreError, TaskFilter, UnreadableKind, UnreadableRow};

/// A connection, for the length of one verb.
pub(super) struct SqliteRows<'c> {
    pub(super) connection: &'c Connection,
    pub(super) announced: Committed,
    /// The record that was encoded last, so that its event need not encode it again.
    pub(super) encoded: Encoded,
}

impl<'c> SqliteRows<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, announced: Committed::default(), encoded: Encoded::default() }
    }

    /// The specification as it is stored, so that it can be decoded elsewhere; none if its row is missing.
    pub(super) fn spec_text(&self, id: &TaskId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT spec FROM specs WHERE task = (SELECT no FROM tasks WHERE id = ?1)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let text = |row: &Row<'_>| Ok(row.get_ref(0)?.as_str().unwrap_or_default().to_owned());
        Ok(statement.query_row([id.as_str()], text).optional()?)
    }

    /// What is said of something of a task that cannot be read.
    fn unreadable(&self, what: UnreadableKind, id: &TaskId, reason: &str) -> StoreError {
        let sql = "SELECT s.id FROM tasks t JOIN sessions s ON s.no = t.session WHERE t.id = ?1";
        match self.one(sql, [id.as_str()], |row| row.get::<_, String>(0)?.parse().map_err(of_id)) {
            Ok(Some(session)) => StoreError::Unreadable(UnreadableRow::of_task(what, &session, id, reason)),
            Ok(None) => of_row("a task", format!("there is none for the {} of {id}", what.as_str())),
            Err(error) => error,
        }
    }

    /// All rows of a statement, each with what may be wrong with it.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        decode: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(decode(row)?);
        }
        Ok(all)
    }

    /// The one row of a statement, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        decode: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(decode).transpose()
    }
}

/// JSON in the first column, or what is wrong with it.
fn json<T: DeserializeOwned>(row: &Row<'_>) -> Result<Result<T, String>, StoreError> {
    Ok(match row.get_ref(0)?.as_str() {
        Ok(text) => read(text),
        Err(error) => Err(error.to_string()),
    })
}

/// A record, with its session's and its own id behind it for where it cannot be read, and its priority behind those: of the columns
/// beside a record, the one that has to be one of a few numbers.
pub(super) fn record(row: &Row<'_>, first: usize) -> Result<Read<Task>, StoreError> {
    let whole = match (json(row)?, rank(row.get(first + 2)?)) {
        (Ok(task), Ok(_)) => Ok(task),
        (Err(reason), _) | (_, Err(reason)) => Err(reason),
    };
    match whole {
        Ok(task) => Ok(Ok(task)),
        Err(reason) => {
            let (session, id) = named(row, first)?;
            Ok(Err(UnreadableRow::of_task(UnreadableKind::Task, &session, &id, &reason)))
        }
    }
}

/// A message with its session's, its task's and its own id behind it.
fn message(row: &Row<'_>, first: usize) -> Result<Read<Message>, StoreError> {
    match json(row)? {
        Ok(message) => Ok(Ok(message)),
        Err(reason) => {
            let ((session, task), id) = (named(row, first)?, row.get::<_, String>(first + 2)?);
            Ok(Err(UnreadableRow::part(UnreadableKind::Message, &session, &task, &id, &reason)))
        }
    }
}

/// What messages are read from.
const MESSAGES: &str = "SELECT m.body, s.id, t.id, m.id, m.no, m.taken, m.answered
     FROM messages m JOIN tasks t ON t.no = m.task JOIN sessions s ON s.no = t.session";

fn task_id(row: &Row<'_>) -> Result<TaskId, StoreError> {
    row.get::<_, String>(0)?.parse().map_err(of_id)
}

/// What a lease is read from.
const LEASE: &str = "SELECT id, epoch, length_ms, era, until_ms, taken, opened_at, renewed_at FROM hosts";

fn lease(row: &Row<'_>) -> Result<LeaseRow, StoreError> {
    let id = row.get::<_, String>(0)?.parse().map_err(of_id)?;
    let length = LeaseLength::new(Duration::from_millis(row.get(2)?)).map_err(|error| of_row("a lease", error))?;
    Ok(LeaseRow {
        host: HostRef { id, epoch: row.get(1)? },
        length,
        era: row.get(3)?,
        until_millis: row.get(4)?,
        taken: row.get(5)?,
        opened_at: time(row.get(6)?)?,
        renewed_at: time(row.get(7)?)?,
    })
}

/// A session's and a task's id from two columns.
fn named(row: &Row<'_>, first: usize) -> Result<(SessionId, TaskId), StoreError> {
    let session = row.get::<_, String>(first)?.parse().map_err(of_id)?;
    Ok((session, row.get::<_, String>(first + 1)?.parse().map_err(of_id)?))
}

fn event(session: &SessionId, row: &Row<'_>) -> Result<Event, StoreError> {
    let (kind, changes) = (row.get::<_, String>(3)?, row.get::<_, Option<String>>(4)?);
    let body = row.get_ref(5)?.as_str().unwrap_or_default();
    let task_id: TaskId = row.get::<_, String>(2)?.parse().map_err(of_id)?;
    let place = (session, row.get(0)?, &task_id, time(row.get(1)?)?);
    Ok(encoded::event(place, &kind, changes.as_deref(), body))
}

/// A wake, with its cause in the first column.
fn wake(session: &SessionId, row: &Row<'_>) -> Result<Read<Wake>, StoreError> {
    let cause = json(row)?;
    let (id, task, text): (i64, String, String) = (row.get(1)?, row.get(2)?, row.get(4)?);
    Ok(whole_wake(session, (id, &task), (row.get(3)?, row.get(5)?), cause, text))
}

fn session_record(row: &Row<'_>) -> Result<Read<SessionRecord>, StoreError> {
    match json(row)? {
        Ok(record) => Ok(Ok(record)),
        Err(reason) => {
            let id = row.get::<_, String>(1)?.parse().map_err(of_id)?;
            Ok(Err(UnreadableRow::session(&id, &reason)))
        }
    }
}

fn session_id(read: &Read<SessionRecord>) -> &SessionId {
    match read {
        Ok(record) => &record.id,
        Err(row) => &row.session_id,
    }
}

/// A row that was asked for by its name.
fn asked_for<T>(found: Option<Read<T>>) -> Result<Option<T>, StoreError> {
    found.transpose().map_err(StoreError::Unreadable)
}

impl Rows for SqliteRows<'_> {
    async fn find_session(&mut self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        asked_for(self.one("SELECT record, id FROM sessions WHERE id = ?1", [id.as_str()], session_record)?)
    }

    async fn sessions_after(
        &mut self,
        states: &[SessionState],
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<Read<SessionRecord>>, StoreError> {
        let after = after.map_or("", SessionId::as_str);
        if states.is_empty() {
            let sql = "SELECT record, id FROM sessions WHERE id > ?1 ORDER BY id LIMIT ?2";
            return self.all(sql, params![after, limit], session_record);
        }
        // A page of each state, so that a rare one is found without a look at the others.
        let sql = "SELECT record, id FROM sessions INDEXED BY sessions_of_state
                   WHERE state = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        let mut sessions: Vec<Read<SessionRecord>> = Vec::new();
        for state in states.iter().collect::<HashSet<_>>() {
            sessions.extend(self.all(sql, params![state.as_str(), after, limit], session_record)?);
        }
        sessions.sort_unstable_by(|one, other| session_id(one).cmp(session_id(other)));
        sessions.truncate(limit);
        Ok(sessions)
    }

    async fn sessions_to_end(&mut self, limit: usize) -> Result<Vec<Read<SessionRecord>>, StoreError> {
        let sql = "SELECT record, id FROM sessions WHERE ending = 1 ORDER BY id LIMIT ?1";
        self.all(sql, params![limit], session_record)
    }

    async fn sessions_opened_by(
        &mut self,
        session: &SessionId,
        task: &TaskId,
    ) -> Result<Vec<Read<SessionRecord>>, StoreError> {
        let sql = "SELECT record, id FROM sessions WHERE owner_id = ?1 AND owner_task_id = ?2 ORDER BY id";
        self.all(sql, [session.as_str(), task.as_str()], session_record)
    }

    async fn live_after(
        &mut self,
        session: &SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Read<Task>)>, StoreError> {
        // Entries of an index with equal columns lie in the order of `no`.
        let sql = "SELECT record, no, ?1, id, priority FROM tasks INDEXED BY tasks_live
                   WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND phase <> 'over' AND no > ?2
                   ORDER BY no LIMIT ?3";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.all(sql, params![session.as_str(), after, limit], |row| Ok((row.get(1)?, record(row, 2)?)))
    }

    async fn is_canceled_lineage(&mut self, session: &SessionId, lineage: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM canceled_lineages
                   WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND lineage = ?2)";
        Ok(self.one(sql, [session.as_str(), lineage], |row| Ok(row.get(0)?))?.unwrap_or(false))
    }

    async fn find_task(&mut self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        let sql =
            "SELECT t.record, s.id, t.id, t.priority FROM tasks t JOIN sessions s ON s.no = t.session WHERE t.id = ?1";
        asked_for(self.one(sql, [id.as_str()], |row| record(row, 1))?)
    }

    async fn session_text(&mut self, id: &SessionId) -> Result<Option<String>, StoreError> {
        let text = |row: &rusqlite::Row<'_>| Ok(row.get_ref(0)?.as_str().unwrap_or_default().to_owned());
        self.one("SELECT record FROM sessions WHERE id = ?1 AND record IS NOT NULL", [id.as_str()], text)
    }

    async fn find_stored(&mut self, id: &TaskId) -> Result<Option<StoredTask>, StoreError> {
        let sql = "SELECT s.id, t.id, t.kind, t.version, t.state, t.finished_at, t.record
                   FROM tasks t JOIN sessions s ON s.no = t.session WHERE t.id = ?1";
        self.one(sql, [id.as_str()], |row| {
            let (session_id, id) = named(row, 0)?;
            let finished_at = row.get::<_, Option<i64>>(5)?.map(time).transpose()?;
            let record = row.get_ref(6)?.as_str().unwrap_or_default().to_owned();
            let (kind, version, state) = (row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(StoredTask { id, session_id, kind, version, state, finished_at, record })
        })
    }

    async fn ids_of(&mut self, session: &SessionId, limit: usize) -> Result<Vec<TaskId>, StoreError> {
        let sql = "SELECT id FROM tasks WHERE session = (SELECT no FROM sessions WHERE id = ?1) LIMIT ?2";
        self.all(sql, params![session.as_str(), limit], task_id)
    }

    async fn scan(
        &mut self,
        what: UnreadableKind,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Option<UnreadableRow>)>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.all(scan::sql(what), params![after, limit], |row| {
            let looked = Looked {
                session: row.get(1)?,
                task: row.get(2)?,
                id: row.get(3)?,
                text: row.get_ref(4)?.as_str().ok().map(str::to_owned),
                beside: row.get(5)?,
                further: row.get(6)?,
            };
            Ok((row.get(0)?, scan::judge(what, &looked)?))
        })
    }

    async fn forgotten(&mut self) -> Result<u64, StoreError> {
        let count = self.one("SELECT count FROM forgotten", [], |row| Ok(row.get(0)?))?;
        count.ok_or_else(|| of_row("what was forgotten", "no row where there had to be one"))
    }

    async fn owner(&mut self, id: &TaskId) -> Result<Option<SessionId>, StoreError> {
        let sql = "SELECT s.id FROM tasks t JOIN sessions s ON s.no = t.session WHERE t.id = ?1";
        self.one(sql, [id.as_str()], |row| row.get::<_, String>(0)?.parse().map_err(of_id))
    }

    async fn find_spec(&mut self, id: &TaskId) -> Result<Value, StoreError> {
        let spec = self.spec_text(id)?.map_or_else(|| Err(MISSING.to_owned()), |text| read(&text));
        spec.map_err(|reason| self.unreadable(UnreadableKind::Spec, id, &reason))
    }

    async fn find_result(&mut self, id: &TaskId) -> Result<Option<Value>, StoreError> {
        let sql = "SELECT result FROM results WHERE task = (SELECT no FROM tasks WHERE id = ?1)";
        let result = self.one(sql, [id.as_str()], json)?.transpose();
        result.map_err(|reason| self.unreadable(UnreadableKind::Result, id, &reason))
    }

    async fn find_checkpoint(&mut self, id: &TaskId) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT bytes FROM checkpoints WHERE task = (SELECT no FROM tasks WHERE id = ?1)";
        self.one(sql, [id.as_str()], |row| Ok(row.get(0)?))
    }

    async fn find_by_key(&mut self, session: &SessionId, key: &str) -> Result<Option<TaskId>, StoreError> {
        let sql =
            "SELECT id FROM tasks WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND idempotency_key = ?2";
        self.one(sql, [session.as_str(), key], task_id)
    }

    async fn find_live_name(&mut self, session: &SessionId, name: &str) -> Result<Option<TaskId>, StoreError> {
        let sql = "SELECT id FROM tasks
                   WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND name = ?2 AND phase <> 'over'";
        self.one(sql, [session.as_str(), name], task_id)
    }

    async fn tasks_of(
        &mut self,
        session: &SessionId,
        filter: &TaskFilter,
        order: Order,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Read<Task>>, StoreError> {
        self.page_of_tasks(session, filter, order, after, limit)
    }

    async fn code_in_use(&mut self) -> Result<Vec<CodeInUse>, StoreError> {
        let sql =
            "SELECT kind, code, count(*) FROM tasks WHERE phase <> 'over' GROUP BY kind, code ORDER BY kind, code";
        self.all(sql, [], |row| Ok(CodeInUse { kind: row.get(0)?, code: row.get(1)?, tasks: row.get(2)? }))
    }

    async fn resident(&mut self, host: &HostRef) -> Result<Vec<Read<Task>>, StoreError> {
        let sql = "SELECT t.record, s.id, t.id, t.priority FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.host_id = ?1 AND t.host_epoch = ?2 ORDER BY t.no";
        self.all(sql, params![host.id.as_str(), host.epoch], |row| record(row, 1))
    }

    async fn resident_count(&mut self, host: &HostRef) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM tasks WHERE host_id = ?1 AND host_epoch = ?2";
        Ok(self.one(sql, params![host.id.as_str(), host.epoch], |row| Ok(row.get(0)?))?.unwrap_or(0))
    }

    async fn resident_after(
        &mut self,
        host: &HostRef,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, (SessionId, TaskId))>, StoreError> {
        let sql = "SELECT t.no, s.id, t.id FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.host_id = ?1 AND t.host_epoch = ?2 AND t.no > ?3 ORDER BY t.no LIMIT ?4";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let given = params![host.id.as_str(), host.epoch, after, limit];
        self.all(sql, given, |row| Ok((row.get(0)?, named(row, 1)?)))
    }

    async fn external_cancels_after(&mut self, after: u64, limit: usize) -> Result<Vec<(u64, Read<Task>)>, StoreError> {
        // The 1 stands here as a literal so that the index of what waits serves.
        let sql = "SELECT t.record, t.no, s.id, t.id, t.priority FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.external_cancel = 1 AND t.no > ?1 ORDER BY t.no LIMIT ?2";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.all(sql, params![after, limit], |row| Ok((row.get(1)?, record(row, 2)?)))
    }

    async fn external_overdue(&mut self, now: Timestamp, limit: usize) -> Result<Vec<(SessionId, TaskId)>, StoreError> {
        let sql = "SELECT s.id, t.id FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.external_ends_at <= ?1 ORDER BY t.external_ends_at, t.no LIMIT ?2";
        self.all(sql, params![millis(now), limit], |row| named(row, 0))
    }

    async fn find_lease(&mut self, host: &HostRef) -> Result<Option<LeaseRow>, StoreError> {
        let sql = format!("{LEASE} WHERE id = ?1 AND epoch = ?2");
        self.one(&sql, params![host.id.as_str(), host.epoch], lease)
    }

    async fn leases_of(&mut self, host: &HostId) -> Result<Vec<LeaseRow>, StoreError> {
        self.all(&format!("{LEASE} WHERE id = ?1 ORDER BY epoch"), [host.as_str()], lease)
    }

    async fn leases(&mut self) -> Result<Vec<LeaseRow>, StoreError> {
        self.all(&format!("{LEASE} ORDER BY id, epoch"), [], lease)
    }

    async fn finished_before(
        &mut self,
        before: Timestamp,
        after: Option<FinishedPlace>,
        limit: usize,
    ) -> Result<Vec<(FinishedPlace, (SessionId, TaskId))>, StoreError> {
        let sql = "SELECT t.finished_at, t.no, s.id, t.id FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.finished_at < ?1 AND (t.finished_at, t.no) > (?2, ?3) AND NOT EXISTS (
                       SELECT 1 FROM tasks c WHERE c.session = t.session AND c.parent_task_id = t.id)
                   ORDER BY t.finished_at, t.no LIMIT ?4";
        let (at, place) = after.map_or((i64::MIN, 0), |after| (millis(after.at), after.place));
        self.all(sql, params![millis(before), at, place, limit], |row| {
            Ok((FinishedPlace { at: time(row.get(0)?)?, place: row.get(1)? }, named(row, 2)?))
        })
    }

    async fn has_children(&mut self, session: &SessionId, id: &TaskId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM tasks
                   WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND parent_task_id = ?2)";
        Ok(self.one(sql, [session.as_str(), id.as_str()], |row| Ok(row.get(0)?))?.unwrap_or(false))
    }

    async fn find_message(&mut self, id: &MessageId) -> Result<Option<StoredMessage>, StoreError> {
        let found = self.one(&format!("{MESSAGES} WHERE m.id = ?1"), [id.as_str()], |row| {
            Ok((message(row, 1)?, Taken::from_number(row.get(5)?)?, row.get(6)?))
        })?;
        let Some((read, taken, answered)) = found else { return Ok(None) };
        Ok(Some(StoredMessage { message: read.map_err(StoreError::Unreadable)?, taken, answered }))
    }

    async fn messages_after(
        &mut self,
        task: &TaskId,
        after: &MessageId,
        limit: usize,
    ) -> Result<Vec<Read<Message>>, StoreError> {
        let sql = format!(
            "{MESSAGES} WHERE m.task = (SELECT no FROM tasks WHERE id = ?1)
                 AND m.no > (SELECT no FROM messages WHERE id = ?2) ORDER BY m.no LIMIT ?3"
        );
        self.all(&sql, params![task.as_str(), after.as_str(), limit], |row| message(row, 1))
    }

    async fn messages_from(
        &mut self,
        task: &TaskId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Read<Message>)>, StoreError> {
        let sql = format!(
            "{MESSAGES} WHERE m.task = (SELECT no FROM tasks WHERE id = ?1) AND m.no > ?2 ORDER BY m.no LIMIT ?3"
        );
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.all(&sql, params![task.as_str(), after, limit], |row| Ok((row.get(4)?, message(row, 1)?)))
    }

    async fn latest_messages(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Read<Message>>, StoreError> {
        let sql = format!("{MESSAGES} WHERE m.task = (SELECT no FROM tasks WHERE id = ?1) ORDER BY m.no DESC LIMIT ?2");
        let mut latest = self.all(&sql, params![task.as_str(), limit], |row| message(row, 1))?;
        latest.reverse();
        Ok(latest)
    }

    async fn unread(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Read<Message>>, StoreError> {
        let sql = format!(
            "{MESSAGES} WHERE m.task = (SELECT no FROM tasks WHERE id = ?1) AND m.taken = 0
                 AND m.direction = 'inbound' ORDER BY m.no LIMIT ?2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(&sql, params![task.as_str(), limit], |row| message(row, 1))
    }

    async fn events_after(&mut self, session: &SessionId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT seq, at, task_id, type, changes, body FROM events
                   WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND seq > ?2 ORDER BY seq LIMIT ?3";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.all(sql, params![session.as_str(), after, limit], |row| event(session, row))
    }

    async fn first_seq(&mut self, session: &SessionId) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce((SELECT min(seq) FROM events WHERE session = s.no), s.last_seq + 1)
                   FROM sessions s WHERE s.id = ?1";
        Ok(self.one(sql, [session.as_str()], |row| Ok(row.get(0)?))?.unwrap_or(1))
    }

    async fn last_seq(&mut self, session: &SessionId) -> Result<u64, StoreError> {
        let sql = "SELECT last_seq FROM sessions WHERE id = ?1";
        Ok(self.one(sql, [session.as_str()], |row| Ok(row.get(0)?))?.unwrap_or(0))
    }

    async fn pending_wakes(&mut self, session: &SessionId, limit: usize) -> Result<Vec<Read<Wake>>, StoreError> {
        let sql = "SELECT cause, id, task_id, attempt, text, created_at FROM wakes
                   WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND acknowledged_at IS NULL
                   ORDER BY id LIMIT ?2";
        self.all(sql, params![session.as_str(), limit], |row| wake(session, row))
    }

    async fn wake_claim(&mut self, session: &SessionId) -> Result<Option<HostRef>, StoreError> {
        let sql = "SELECT host_id, host_epoch FROM wake_claims WHERE session = (SELECT no FROM sessions WHERE id = ?1)";
        self.one(sql, [session.as_str()], |row| {
            let id = row.get::<_, String>(0)?.parse().map_err(of_id)?;
            Ok(HostRef { id, epoch: row.get(1)? })
        })
    }

    async fn woken_sessions(&mut self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, SessionId)>, StoreError> {
        // One step of the index of what is pending for each session, however many wakes each has.
        let sql = "SELECT s.no, s.id FROM sessions s WHERE s.no =
                       (SELECT min(session) FROM wakes WHERE acknowledged_at IS NULL AND session > ?1)";
        let mut after = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
        let mut woken = Vec::new();
        while woken.len() < limit
            && let Some((place, session)) = self.one(sql, [after], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?.parse::<SessionId>().map_err(of_id)?))
            })?
        {
            after = place;
            woken.push((place.unsigned_abs(), session));
        }
        Ok(woken)
    }
}
