//! Rows out of a PostgreSQL database.
//! Does not write: `write_rows` does, over the same type.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use serde_json::Value;
use taskwright_registry::{
    Event, EventBody, HostId, HostRef, LeaseLength, Message, MessageId, SessionId, SessionRecord, SessionState, Task,
    TaskId, Timestamp, Wake,
};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSqlOwned, ToSql};

use super::failure::{met_another, of_statement};
use super::lists::List;
use super::transaction::Shared;
use super::unit::Unit;
use crate::column::{decode, millis, of_id, of_row, time};
use crate::committed::Committed;
use crate::encoded::{Encoded, decode_event};
use crate::rows::{LeaseRow, Rows, StoredMessage, Taken};
use crate::{CodeInUse, FinishedPlace, Order, StoreError, TaskFilter};

/// What a statement is given.
pub(super) type Given<'g> = &'g (dyn ToSql + Sync);

/// A connection, for the length of one verb.
pub(super) struct PgRows {
    pub(super) client: Object,
    pub(super) shared: Arc<Shared>,
    /// Whether the verb writes: what it reads to decide by is locked then.
    pub(super) writes: bool,
    /// Whether the transaction met another one, and may do better when it is tried again.
    pub(super) met_another: bool,
    /// The first due task, with its session, that a claim passed by because somebody was writing there.
    pub(super) busy: Option<(SessionId, TaskId)>,
    /// What begins the transaction, as long as nothing was asked in it.
    pub(super) begin: Option<&'static str>,
    /// Whether a transaction was begun and has not ended.
    pub(super) began: bool,
    /// Whether the transaction can only be rolled back.
    pub(super) broken: bool,
    /// Whether the connection cannot be used any more.
    pub(super) lost: bool,
    /// What the transaction knows, and what it has not written yet.
    pub(super) unit: Unit,
    pub(super) announced: Committed,
    /// The record that was encoded last, so that its event need not encode it again.
    pub(super) encoded: Encoded,
}

impl PgRows {
    pub(super) fn new(client: Object, writes: bool, shared: Arc<Shared>) -> Self {
        Self {
            client,
            shared,
            writes,
            met_another: false,
            busy: None,
            begin: None,
            began: false,
            broken: false,
            lost: false,
            unit: Unit::default(),
            announced: Committed::default(),
            encoded: Encoded::default(),
        }
    }

    pub(super) fn failed(&mut self, error: &tokio_postgres::Error) -> StoreError {
        self.met_another |= met_another(error);
        self.broken = true;
        of_statement(error)
    }

    /// The rows of a statement, which sees all that the transaction has written.
    pub(super) async fn rows(&mut self, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, StoreError> {
        self.flush().await?;
        let rows = match (self.client.prepare_cached(sql).await, self.begin.take()) {
            (Ok(statement), None) => self.client.query(&statement, given).await,
            (Ok(statement), Some(begin)) => {
                self.began = true;
                let both = futures::join!(self.client.batch_execute(begin), self.client.query(&statement, given));
                both.0.and(both.1)
            }
            (Err(error), _) => Err(error),
        };
        rows.map_err(|error| self.failed(&error))
    }

    /// All rows of a statement, each with what may be wrong with it.
    pub(super) async fn all<T>(
        &mut self,
        sql: &str,
        given: &[Given<'_>],
        decode: fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.rows(sql, given).await?.iter().map(decode).collect()
    }

    /// The one row of a statement, if there is one.
    pub(super) async fn one<T>(
        &mut self,
        sql: &str,
        given: &[Given<'_>],
        decode: fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.rows(sql, given).await?.first().map(decode).transpose()
    }

    /// Runs a statement, and says how many rows it has changed.
    pub(super) async fn run(&mut self, sql: &str, given: &[Given<'_>]) -> Result<u64, StoreError> {
        self.flush().await?;
        self.unit.writes += 1;
        let changed = match self.client.prepare_cached(sql).await {
            Ok(statement) => self.client.execute(&statement, given).await,
            Err(error) => Err(error),
        };
        changed.map_err(|error| self.failed(&error))
    }

    /// Reads the specifications of tasks into their records.
    pub(super) async fn specs<'t>(&mut self, tasks: impl IntoIterator<Item = &'t mut Task>) -> Result<(), StoreError> {
        let mut tasks: Vec<&mut Task> = tasks.into_iter().collect();
        for task in &mut tasks {
            if let Some(Some(known)) = self.unit.tasks.get(&task.id)
                && let Some(spec) = &known.spec
            {
                task.spec = decode("a specification", spec)?;
            }
        }
        tasks.retain(|task| task.spec.is_null());
        if tasks.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
        let sql = "SELECT t.id, s.spec FROM tasks t JOIN specs s ON s.task = t.no WHERE t.id = ANY($1)";
        let found = self.all(sql, &[&ids], |row| Ok((text(row, 0)?, text(row, 1)?))).await?;
        let mut found: HashMap<String, String> = found.into_iter().collect();
        for task in tasks {
            let spec = found.remove(task.id.as_str());
            let spec = spec.ok_or_else(|| of_row("a specification is missing", &task.id))?;
            task.spec = decode("a specification", &spec)?;
        }
        Ok(())
    }
}

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

fn json<T: serde::de::DeserializeOwned>(what: &str, row: &Row, at: usize) -> Result<T, StoreError> {
    let text: &str = row.try_get(at).map_err(|error| of_row(what, error))?;
    decode(what, text)
}

/// A number as a column has it. One that does not fit is larger than any there is.
pub(super) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn many(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn record(row: &Row) -> Result<Task, StoreError> {
    json("a record", row, 0)
}

fn placed(row: &Row) -> Result<(u64, Task), StoreError> {
    Ok((number(row, 1)?, record(row)?))
}

fn session_record(row: &Row) -> Result<SessionRecord, StoreError> {
    json("a session", row, 0)
}

fn task_id(row: &Row) -> Result<TaskId, StoreError> {
    text(row, 0)?.parse().map_err(of_id)
}

fn yes(row: &Row) -> Result<bool, StoreError> {
    get(row, 0)
}

fn count(row: &Row) -> Result<u64, StoreError> {
    number(row, 0)
}

fn named_at(row: &Row, first: usize) -> Result<(SessionId, TaskId), StoreError> {
    Ok((text(row, first)?.parse().map_err(of_id)?, text(row, first + 1)?.parse().map_err(of_id)?))
}

fn message(row: &Row) -> Result<Message, StoreError> {
    json("a message", row, 0)
}

/// A message with what is known about it.
pub(super) fn stored_message(row: &Row) -> Result<StoredMessage, StoreError> {
    Ok(StoredMessage { message: message(row)?, taken: Taken::from_number(get(row, 1)?)?, answered: get(row, 2)? })
}

/// What a lease is read from.
const LEASE: &str = "SELECT id, epoch, length_ms, era, until_ms, taken, opened_at, renewed_at FROM hosts";

fn lease(row: &Row) -> Result<LeaseRow, StoreError> {
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

/// An event, but for its session.
fn event(row: &Row) -> Result<(u64, Timestamp, TaskId, EventBody), StoreError> {
    let changes: Option<String> = get(row, 4)?;
    let body: &str = row.try_get(5).map_err(|error| of_row("an event", error))?;
    let body = decode_event(&text(row, 3)?, changes.as_deref(), body)?;
    Ok((number(row, 0)?, at(row, 1)?, text(row, 2)?.parse().map_err(of_id)?, body))
}

impl Rows for PgRows {
    async fn find_session(&mut self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        if let Some(known) = self.unit.sessions.get(id) {
            return Ok(known.record.clone());
        }
        let sql = "SELECT record FROM sessions WHERE id = $1 AND record IS NOT NULL";
        self.one(sql, &[&id.as_str()], session_record).await
    }

    async fn sessions_after(
        &mut self,
        states: &[SessionState],
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let sql = "SELECT record FROM sessions
                   WHERE id > $1 AND ($2 OR state = ANY($3)) AND record IS NOT NULL ORDER BY id LIMIT $4";
        let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let after = after.map_or("", SessionId::as_str);
        self.all(sql, &[&after, &states.is_empty(), &words, &many(limit)], session_record).await
    }

    async fn sessions_to_end(&mut self, limit: usize) -> Result<Vec<SessionRecord>, StoreError> {
        let sql = "SELECT record FROM sessions WHERE ending ORDER BY id LIMIT $1";
        self.all(sql, &[&many(limit)], session_record).await
    }

    async fn sessions_opened_by(
        &mut self,
        session: &SessionId,
        task: &TaskId,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        // Who writes goes on into these sessions.
        let lock = if self.writes { " FOR NO KEY UPDATE" } else { "" };
        let sql = format!("SELECT record FROM sessions WHERE owner_id = $1 AND owner_task_id = $2 ORDER BY id{lock}");
        self.all(&sql, &[&session.as_str(), &task.as_str()], session_record).await
    }

    async fn live_after(
        &mut self,
        session: &SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Task)>, StoreError> {
        let sql = "SELECT record, no FROM tasks
                   WHERE session = (SELECT no FROM sessions WHERE id = $1) AND phase <> 'over' AND no > $2
                   ORDER BY no LIMIT $3";
        self.all(sql, &[&session.as_str(), &big(after), &many(limit)], placed).await
    }

    async fn is_canceled_lineage(&mut self, session: &SessionId, lineage: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM canceled_lineages
                   WHERE session = (SELECT no FROM sessions WHERE id = $1) AND lineage = $2)";
        Ok(self.one(sql, &[&session.as_str(), &lineage], yes).await?.unwrap_or(false))
    }

    async fn forgotten(&mut self) -> Result<u64, StoreError> {
        if let Some(forgotten) = self.unit.forgotten {
            return Ok(forgotten);
        }
        let count = self.one("SELECT last_value FROM forgotten", &[], count).await?;
        count.ok_or_else(|| of_row("what was forgotten", "no row where there had to be one"))
    }

    async fn find_task(&mut self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        if !self.unit.tasks.contains_key(id) {
            self.look_at(std::slice::from_ref(id)).await?;
        }
        Ok(self.unit.task(id).map(|known| known.task.clone()))
    }

    async fn owner(&mut self, id: &TaskId) -> Result<Option<SessionId>, StoreError> {
        if let Some(known) = self.unit.tasks.get(id) {
            return Ok(known.as_ref().map(|known| known.task.session_id.clone()));
        }
        let sql = "SELECT s.id FROM tasks t JOIN sessions s ON s.no = t.session WHERE t.id = $1";
        self.one(sql, &[&id.as_str()], |row| text(row, 0)?.parse().map_err(of_id)).await
    }

    async fn find_spec(&mut self, id: &TaskId) -> Result<Value, StoreError> {
        if let Some(spec) = self.unit.task(id).and_then(|known| known.spec.as_ref()) {
            return decode("a specification", spec);
        }
        let sql = "SELECT spec FROM specs WHERE task = (SELECT no FROM tasks WHERE id = $1)";
        let spec = self.one(sql, &[&id.as_str()], |row| json("a specification", row, 0)).await?;
        spec.ok_or_else(|| of_row("a specification is missing", id))
    }

    async fn find_result(&mut self, id: &TaskId) -> Result<Option<Value>, StoreError> {
        let sql = "SELECT result FROM results WHERE task = (SELECT no FROM tasks WHERE id = $1)";
        self.one(sql, &[&id.as_str()], |row| json("a result", row, 0)).await
    }

    async fn find_checkpoint(&mut self, id: &TaskId) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT bytes FROM checkpoints WHERE task = (SELECT no FROM tasks WHERE id = $1)";
        self.one(sql, &[&id.as_str()], |row| get(row, 0)).await
    }

    async fn find_by_key(&mut self, session: &SessionId, key: &str) -> Result<Option<TaskId>, StoreError> {
        if let Some(known) = self.unit.keys.get(&(session.clone(), key.to_owned())) {
            return Ok(known.clone());
        }
        let sql =
            "SELECT id FROM tasks WHERE session = (SELECT no FROM sessions WHERE id = $1) AND idempotency_key = $2";
        self.one(sql, &[&session.as_str(), &key], task_id).await
    }

    async fn find_live_name(&mut self, session: &SessionId, name: &str) -> Result<Option<TaskId>, StoreError> {
        let sql = "SELECT id FROM tasks
                   WHERE session = (SELECT no FROM sessions WHERE id = $1) AND name = $2 AND phase <> 'over'";
        self.one(sql, &[&session.as_str(), &name], task_id).await
    }

    async fn tasks_of(
        &mut self,
        session: &SessionId,
        filter: &TaskFilter,
        order: Order,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>, StoreError> {
        let List { sql, given } = List::of(filter, order, after);
        let (session, limit) = (session.as_str(), many(limit));
        let mut all: Vec<Given<'_>> = vec![&session, &limit];
        all.extend(given.iter().map(|given| -> Given<'_> { &**given }));
        self.all(&sql, &all, record).await
    }

    async fn code_in_use(&mut self) -> Result<Vec<CodeInUse>, StoreError> {
        let sql = "SELECT kind, code, count(*) FROM tasks WHERE phase <> 'over' GROUP BY kind, code
                   ORDER BY kind, code NULLS FIRST";
        self.all(sql, &[], |row| Ok(CodeInUse { kind: text(row, 0)?, code: get(row, 1)?, tasks: number(row, 2)? }))
            .await
    }

    async fn resident(&mut self, host: &HostRef) -> Result<Vec<Task>, StoreError> {
        let sql = "SELECT record FROM tasks WHERE host_id = $1 AND host_epoch = $2 ORDER BY no";
        self.all(sql, &[&host.id.as_str(), &big(host.epoch)], record).await
    }

    async fn resident_count(&mut self, host: &HostRef) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM tasks WHERE host_id = $1 AND host_epoch = $2";
        Ok(self.one(sql, &[&host.id.as_str(), &big(host.epoch)], count).await?.unwrap_or(0))
    }

    async fn resident_after(
        &mut self,
        host: &HostRef,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, (SessionId, TaskId))>, StoreError> {
        let sql = "SELECT t.no, s.id, t.id FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.host_id = $1 AND t.host_epoch = $2 AND t.no > $3 ORDER BY t.no LIMIT $4";
        let given: [Given<'_>; 4] = [&host.id.as_str(), &big(host.epoch), &big(after), &many(limit)];
        self.all(sql, &given, |row| Ok((number(row, 0)?, named_at(row, 1)?))).await
    }

    async fn external_cancels_after(&mut self, after: u64, limit: usize) -> Result<Vec<(u64, Task)>, StoreError> {
        let sql = "SELECT record, no FROM tasks WHERE external_cancel AND no > $1 ORDER BY no LIMIT $2";
        self.all(sql, &[&big(after), &many(limit)], placed).await
    }

    async fn external_overdue(&mut self, now: Timestamp, limit: usize) -> Result<Vec<(SessionId, TaskId)>, StoreError> {
        let sql = "SELECT s.id, t.id FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.external_ends_at <= $1 ORDER BY t.external_ends_at, t.no LIMIT $2";
        self.all(sql, &[&millis(now), &many(limit)], |row| named_at(row, 0)).await
    }

    async fn find_lease(&mut self, host: &HostRef) -> Result<Option<LeaseRow>, StoreError> {
        let lock = if self.writes { " FOR UPDATE" } else { "" };
        let sql = format!("{LEASE} WHERE id = $1 AND epoch = $2{lock}");
        self.one(&sql, &[&host.id.as_str(), &big(host.epoch)], lease).await
    }

    async fn leases_of(&mut self, host: &HostId) -> Result<Vec<LeaseRow>, StoreError> {
        let lock = if self.writes { " FOR UPDATE" } else { "" };
        self.all(&format!("{LEASE} WHERE id = $1 ORDER BY epoch{lock}"), &[&host.as_str()], lease).await
    }

    async fn leases(&mut self) -> Result<Vec<LeaseRow>, StoreError> {
        // Who sweeps passes by what somebody renews or takes over at this moment.
        let lock = if self.writes { " FOR UPDATE SKIP LOCKED" } else { "" };
        self.all(&format!("{LEASE} ORDER BY id, epoch{lock}"), &[], lease).await
    }

    async fn finished_before(
        &mut self,
        before: Timestamp,
        after: Option<FinishedPlace>,
        limit: usize,
    ) -> Result<Vec<(FinishedPlace, (SessionId, TaskId))>, StoreError> {
        let sql = "SELECT t.finished_at, t.no, s.id, t.id FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.finished_at < $1 AND (t.finished_at, t.no) > ($2, $3) AND NOT EXISTS (
                       SELECT 1 FROM tasks c WHERE c.session = t.session AND c.parent_task_id = t.id)
                   ORDER BY t.finished_at, t.no LIMIT $4";
        let (from, place) = after.map_or((i64::MIN, 0), |after| (millis(after.at), big(after.place)));
        self.all(sql, &[&millis(before), &from, &place, &many(limit)], |row| {
            Ok((FinishedPlace { at: at(row, 0)?, place: number(row, 1)? }, named_at(row, 2)?))
        })
        .await
    }

    async fn has_children(&mut self, session: &SessionId, id: &TaskId) -> Result<bool, StoreError> {
        if let Some(known) = self.unit.parents.get(id) {
            return Ok(*known);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM tasks
                   WHERE session = (SELECT no FROM sessions WHERE id = $1) AND parent_task_id = $2)";
        Ok(self.one(sql, &[&session.as_str(), &id.as_str()], yes).await?.unwrap_or(false))
    }

    async fn find_message(&mut self, id: &MessageId) -> Result<Option<StoredMessage>, StoreError> {
        if let Some(known) = self.unit.messages.get(id) {
            return Ok(known.clone());
        }
        let sql = "SELECT body, taken, answered FROM messages WHERE id = $1";
        self.one(sql, &[&id.as_str()], stored_message).await
    }

    async fn messages_after(
        &mut self,
        task: &TaskId,
        after: &MessageId,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let sql = "SELECT body FROM messages
                   WHERE task = (SELECT no FROM tasks WHERE id = $1) AND no > (SELECT no FROM messages WHERE id = $2)
                   ORDER BY no LIMIT $3";
        self.all(sql, &[&task.as_str(), &after.as_str(), &many(limit)], message).await
    }

    async fn latest_messages(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Message>, StoreError> {
        let sql = "SELECT body FROM messages WHERE task = (SELECT no FROM tasks WHERE id = $1)
                   ORDER BY no DESC LIMIT $2";
        let mut latest = self.all(sql, &[&task.as_str(), &many(limit)], message).await?;
        latest.reverse();
        Ok(latest)
    }

    async fn unread(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Message>, StoreError> {
        let sql = "SELECT body FROM messages
                   WHERE task = (SELECT no FROM tasks WHERE id = $1) AND taken = 0 AND direction = 'inbound'
                   ORDER BY no LIMIT $2";
        self.all(sql, &[&task.as_str(), &many(limit)], message).await
    }

    async fn events_after(&mut self, session: &SessionId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT seq, at, task_id, type, changes, body FROM events
                   WHERE session = (SELECT no FROM sessions WHERE id = $1) AND seq > $2 ORDER BY seq LIMIT $3";
        let found = self.all(sql, &[&session.as_str(), &big(after), &many(limit)], event).await?;
        let whole = |(seq, at, task_id, body)| Event { session_id: session.clone(), seq, task_id, at, body };
        Ok(found.into_iter().map(whole).collect())
    }

    async fn first_seq(&mut self, session: &SessionId) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce((SELECT min(seq) FROM events WHERE session = s.no), s.last_seq + 1)
                   FROM sessions s WHERE s.id = $1";
        Ok(self.one(sql, &[&session.as_str()], count).await?.unwrap_or(1))
    }

    async fn last_seq(&mut self, session: &SessionId) -> Result<u64, StoreError> {
        let sql = "SELECT last_seq FROM sessions WHERE id = $1";
        Ok(self.one(sql, &[&session.as_str()], count).await?.unwrap_or(0))
    }

    async fn pending_wakes(&mut self, session: &SessionId, limit: usize) -> Result<Vec<Wake>, StoreError> {
        let sql = "SELECT w.id, w.task_id, w.attempt, w.cause, w.text, w.created_at, s.id
                   FROM wakes w JOIN sessions s ON s.no = w.session
                   WHERE s.id = $1 AND w.acknowledged_at IS NULL ORDER BY w.id LIMIT $2";
        self.all(sql, &[&session.as_str(), &many(limit)], |row| {
            Ok(Wake {
                id: number(row, 0)?,
                session_id: text(row, 6)?.parse().map_err(of_id)?,
                task_id: text(row, 1)?.parse().map_err(of_id)?,
                attempt: u32::try_from(number(row, 2)?).map_err(|error| of_row("an attempt", error))?,
                cause: json("a wake", row, 3)?,
                text: text(row, 4)?,
                created_at: at(row, 5)?,
            })
        })
        .await
    }

    async fn wake_claim(&mut self, session: &SessionId) -> Result<Option<HostRef>, StoreError> {
        let sql = "SELECT host_id, host_epoch FROM wake_claims WHERE session = (SELECT no FROM sessions WHERE id = $1)";
        self.one(sql, &[&session.as_str()], |row| {
            Ok(HostRef { id: text(row, 0)?.parse().map_err(of_id)?, epoch: number(row, 1)? })
        })
        .await
    }

    async fn woken_sessions(&mut self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, SessionId)>, StoreError> {
        // One step of the index of what is pending for each session, however many wakes each has.
        let sql = "WITH RECURSIVE woken (no) AS (
                       (SELECT session FROM wakes WHERE acknowledged_at IS NULL AND session > $1 ORDER BY session LIMIT 1)
                       UNION ALL
                       SELECT (SELECT session FROM wakes WHERE acknowledged_at IS NULL AND session > woken.no
                               ORDER BY session LIMIT 1)
                       FROM woken WHERE woken.no IS NOT NULL
                   )
                   SELECT s.no, s.id FROM woken JOIN sessions s ON s.no = woken.no ORDER BY s.no LIMIT $2";
        let after = after.map_or(-1, big);
        self.all(sql, &[&after, &many(limit)], |row| Ok((number(row, 0)?, text(row, 1)?.parse().map_err(of_id)?))).await
    }
}
