//! Rows out of a SQLite database.
//! Does not write: `write_rows` does, over the same type.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use taskwright_registry::{
    Event, HostId, HostRef, LeaseLength, Message, MessageId, SessionId, SessionRecord, SessionState, Task, TaskId,
    Timestamp, Wake,
};

use super::failure::{of_id, of_row};
use super::text::{decode, decode_column, millis, time};
use crate::committed::Committed;
use crate::encoded::{Encoded, decode_event};
use crate::rows::{LeaseRow, Rows, StoredMessage, Taken};
use crate::{CodeInUse, FinishedPlace, Order, StoreError, TaskFilter};

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

    /// The specification as it is stored, so that it can be decoded elsewhere.
    pub(super) fn spec_text(&self, id: &TaskId) -> Result<String, StoreError> {
        let sql = "SELECT spec FROM specs WHERE task = (SELECT no FROM tasks WHERE id = ?1)";
        let text = self.connection.prepare_cached(sql)?.query_row([id.as_str()], |row| row.get(0)).optional()?;
        text.ok_or_else(|| of_row("a specification is missing", id))
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

pub(super) fn record(row: &Row<'_>) -> Result<Task, StoreError> {
    decode_column("a record", row.get_ref(0)?)
}

fn message(row: &Row<'_>) -> Result<Message, StoreError> {
    decode_column("a message", row.get_ref(0)?)
}

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
    let body = row.get_ref(5)?.as_str().map_err(|error| of_row("an event", error))?;
    let body = decode_event(&kind, changes.as_deref(), body)?;
    let task_id = row.get::<_, String>(2)?.parse().map_err(of_id)?;
    Ok(Event { session_id: session.clone(), seq: row.get(0)?, task_id, at: time(row.get(1)?)?, body })
}

fn wake(session: &SessionId, row: &Row<'_>) -> Result<Wake, StoreError> {
    Ok(Wake {
        id: row.get(0)?,
        session_id: session.clone(),
        task_id: row.get::<_, String>(1)?.parse().map_err(of_id)?,
        attempt: row.get(2)?,
        cause: decode_column("a wake", row.get_ref(3)?)?,
        text: row.get(4)?,
        created_at: time(row.get(5)?)?,
    })
}

fn session_record(row: &Row<'_>) -> Result<SessionRecord, StoreError> {
    decode_column("a session", row.get_ref(0)?)
}

impl Rows for SqliteRows<'_> {
    async fn find_session(&mut self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.one("SELECT record FROM sessions WHERE id = ?1", [id.as_str()], session_record)
    }

    async fn sessions_after(
        &mut self,
        states: &[SessionState],
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let after = after.map_or("", SessionId::as_str);
        if states.is_empty() {
            let sql = "SELECT record FROM sessions WHERE id > ?1 ORDER BY id LIMIT ?2";
            return self.all(sql, params![after, limit], session_record);
        }
        // A page of each state, so that a rare one is found without a look at the others.
        let sql = "SELECT record FROM sessions INDEXED BY sessions_of_state
                   WHERE state = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        let mut sessions = Vec::new();
        for state in states.iter().collect::<HashSet<_>>() {
            sessions.extend(self.all(sql, params![state.as_str(), after, limit], session_record)?);
        }
        sessions.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        sessions.truncate(limit);
        Ok(sessions)
    }

    async fn sessions_to_end(&mut self, limit: usize) -> Result<Vec<SessionRecord>, StoreError> {
        let sql = "SELECT record FROM sessions WHERE ending = 1 ORDER BY id LIMIT ?1";
        self.all(sql, params![limit], session_record)
    }

    async fn sessions_opened_by(
        &mut self,
        session: &SessionId,
        task: &TaskId,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let sql = "SELECT record FROM sessions WHERE owner_id = ?1 AND owner_task_id = ?2 ORDER BY id";
        self.all(sql, [session.as_str(), task.as_str()], session_record)
    }

    async fn live_after(
        &mut self,
        session: &SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Task)>, StoreError> {
        // Entries of an index with equal columns lie in the order of `no`.
        let sql = "SELECT record, no FROM tasks INDEXED BY tasks_live
                   WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND phase <> 'over' AND no > ?2
                   ORDER BY no LIMIT ?3";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.all(sql, params![session.as_str(), after, limit], |row| Ok((row.get(1)?, record(row)?)))
    }

    async fn is_canceled_lineage(&mut self, session: &SessionId, lineage: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM canceled_lineages
                   WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND lineage = ?2)";
        Ok(self.one(sql, [session.as_str(), lineage], |row| Ok(row.get(0)?))?.unwrap_or(false))
    }

    async fn find_task(&mut self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        self.one("SELECT record FROM tasks WHERE id = ?1", [id.as_str()], record)
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
        decode("a specification", &self.spec_text(id)?)
    }

    async fn find_result(&mut self, id: &TaskId) -> Result<Option<Value>, StoreError> {
        let sql = "SELECT result FROM results WHERE task = (SELECT no FROM tasks WHERE id = ?1)";
        self.one(sql, [id.as_str()], |row| decode_column("a result", row.get_ref(0)?))
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
    ) -> Result<Vec<Task>, StoreError> {
        self.page_of_tasks(session, filter, order, after, limit)
    }

    async fn code_in_use(&mut self) -> Result<Vec<CodeInUse>, StoreError> {
        let sql =
            "SELECT kind, code, count(*) FROM tasks WHERE phase <> 'over' GROUP BY kind, code ORDER BY kind, code";
        self.all(sql, [], |row| Ok(CodeInUse { kind: row.get(0)?, code: row.get(1)?, tasks: row.get(2)? }))
    }

    async fn resident(&mut self, host: &HostRef) -> Result<Vec<Task>, StoreError> {
        let sql = "SELECT record FROM tasks WHERE host_id = ?1 AND host_epoch = ?2 ORDER BY no";
        self.all(sql, params![host.id.as_str(), host.epoch], record)
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

    async fn external_cancels_after(&mut self, after: u64, limit: usize) -> Result<Vec<(u64, Task)>, StoreError> {
        // The 1 stands here as a literal so that the index of what waits serves.
        let sql = "SELECT record, no FROM tasks WHERE external_cancel = 1 AND no > ?1 ORDER BY no LIMIT ?2";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.all(sql, params![after, limit], |row| Ok((row.get(1)?, record(row)?)))
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
        let sql = "SELECT body, taken, answered FROM messages WHERE id = ?1";
        self.one(sql, [id.as_str()], |row| {
            let taken = Taken::from_number(row.get(1)?)?;
            Ok(StoredMessage { message: message(row)?, taken, answered: row.get(2)? })
        })
    }

    async fn messages_after(
        &mut self,
        task: &TaskId,
        after: &MessageId,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let sql = "SELECT body FROM messages
                   WHERE task = (SELECT no FROM tasks WHERE id = ?1) AND no > (SELECT no FROM messages WHERE id = ?2)
                   ORDER BY no LIMIT ?3";
        self.all(sql, params![task.as_str(), after.as_str(), limit], message)
    }

    async fn latest_messages(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Message>, StoreError> {
        let sql = "SELECT body FROM messages WHERE task = (SELECT no FROM tasks WHERE id = ?1)
                   ORDER BY no DESC LIMIT ?2";
        let mut latest = self.all(sql, params![task.as_str(), limit], message)?;
        latest.reverse();
        Ok(latest)
    }

    async fn unread(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Message>, StoreError> {
        let sql = "SELECT body FROM messages
                   WHERE task = (SELECT no FROM tasks WHERE id = ?1) AND taken = 0 AND direction = 'inbound'
                   ORDER BY no LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(sql, params![task.as_str(), limit], message)
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

    async fn pending_wakes(&mut self, session: &SessionId, limit: usize) -> Result<Vec<Wake>, StoreError> {
        let sql = "SELECT id, task_id, attempt, cause, text, created_at FROM wakes
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
