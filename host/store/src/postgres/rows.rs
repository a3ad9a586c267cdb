//! Rows out of a PostgreSQL database.
//! Does not write: `write_rows` does, over the same type.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Object;
use serde_json::Value;
use taskwright_registry::{
    Event, HostId, HostRef, Message, MessageId, SessionId, SessionRecord, SessionState, Task, TaskId, Timestamp, Wake,
};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::decode::{
    LEASE, MESSAGES, at, big, borrowed, count, get, json, lease, many, message, named_at, named_record, number, placed,
    session_record, stored_message, task_id, text, yes,
};
use super::failure::{met_another, of_statement};
use super::lists::List;
use super::transaction::Shared;
use super::unit::Unit;
use crate::column::{millis, of_id, of_row, read, time};
use crate::committed::Committed;
use crate::encoded::{self, Encoded};
use crate::rows::{LeaseRow, Rows, StoredMessage};
use crate::salvage::StoredTask;
use crate::scan::{self, Looked};
use crate::unreadable::{MISSING, Read, whole_wake};
use crate::{CodeInUse, FinishedPlace, Order, StoreError, TaskFilter, UnreadableKind, UnreadableRow};

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

    /// Reads the specifications of tasks into their records, and says of which it could not be read: those have none.
    pub(super) async fn specs<'t>(
        &mut self,
        tasks: impl IntoIterator<Item = &'t mut Task>,
    ) -> Result<Vec<UnreadableRow>, StoreError> {
        let mut tasks: Vec<&mut Task> = tasks.into_iter().filter(|task| task.spec.is_null()).collect();
        let unknown: Vec<&str> =
            tasks.iter().filter(|task| self.known_spec(&task.id).is_none()).map(|task| task.id.as_str()).collect();
        let mut found: HashMap<String, String> = HashMap::new();
        if !unknown.is_empty() {
            let sql = "SELECT t.id, s.spec FROM tasks t JOIN specs s ON s.task = t.no WHERE t.id = ANY($1)";
            found.extend(self.all(sql, &[&unknown], |row| Ok((text(row, 0)?, text(row, 1)?))).await?);
        }
        let mut unreadable = Vec::new();
        for task in &mut tasks {
            let spec = self.known_spec(&task.id).or_else(|| found.get(task.id.as_str()));
            match spec.map_or_else(|| Err(MISSING.to_owned()), |spec| read(spec)) {
                Ok(spec) => task.spec = spec,
                Err(reason) => {
                    let Task { session_id, id, .. } = &**task;
                    unreadable.push(UnreadableRow::of_task(UnreadableKind::Spec, session_id, id, &reason));
                }
            }
        }
        Ok(unreadable)
    }

    fn known_spec(&self, id: &TaskId) -> Option<&String> {
        self.unit.task(id)?.spec.as_ref()
    }

    /// What is said of something of a task that cannot be read; nothing if the task is not there.
    async fn unreadable(
        &mut self,
        what: UnreadableKind,
        id: &TaskId,
        reason: &str,
    ) -> Result<Option<UnreadableRow>, StoreError> {
        let sql = "SELECT s.id FROM tasks t JOIN sessions s ON s.no = t.session WHERE t.id = $1";
        let session = self.one(sql, &[&id.as_str()], |row| text(row, 0)?.parse().map_err(of_id)).await?;
        Ok(session.map(|session| UnreadableRow::of_task(what, &session, id, reason)))
    }
}

/// A row that was asked for by its name.
fn asked_for<T>(found: Option<Read<T>>) -> Result<Option<T>, StoreError> {
    found.transpose().map_err(StoreError::Unreadable)
}

impl Rows for PgRows {
    async fn find_session(&mut self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        if let Some(known) = self.unit.sessions.get(id) {
            return asked_for(known.record.clone());
        }
        let sql = "SELECT record, id FROM sessions WHERE id = $1 AND record IS NOT NULL";
        asked_for(self.one(sql, &[&id.as_str()], session_record).await?)
    }

    async fn sessions_after(
        &mut self,
        states: &[SessionState],
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<Read<SessionRecord>>, StoreError> {
        let sql = "SELECT record, id FROM sessions
                   WHERE id > $1 AND ($2 OR state = ANY($3)) AND record IS NOT NULL ORDER BY id LIMIT $4";
        let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let after = after.map_or("", SessionId::as_str);
        self.all(sql, &[&after, &states.is_empty(), &words, &many(limit)], session_record).await
    }

    async fn sessions_to_end(&mut self, limit: usize) -> Result<Vec<Read<SessionRecord>>, StoreError> {
        let sql = "SELECT record, id FROM sessions WHERE ending ORDER BY id LIMIT $1";
        self.all(sql, &[&many(limit)], session_record).await
    }

    async fn sessions_opened_by(
        &mut self,
        session: &SessionId,
        task: &TaskId,
    ) -> Result<Vec<Read<SessionRecord>>, StoreError> {
        // Who writes goes on into these sessions.
        let lock = if self.writes { " FOR NO KEY UPDATE" } else { "" };
        let sql =
            format!("SELECT record, id FROM sessions WHERE owner_id = $1 AND owner_task_id = $2 ORDER BY id{lock}");
        self.all(&sql, &[&session.as_str(), &task.as_str()], session_record).await
    }

    async fn live_after(
        &mut self,
        session: &SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Read<Task>)>, StoreError> {
        let sql = "SELECT record, no, $1::text, id, priority FROM tasks
                   WHERE session = (SELECT no FROM sessions WHERE id = $1) AND phase <> 'over' AND no > $2
                   ORDER BY no LIMIT $3";
        self.all(sql, &[&session.as_str(), &big(after), &many(limit)], placed).await
    }

    async fn is_canceled_lineage(&mut self, session: &SessionId, lineage: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM canceled_lineages
                   WHERE session = (SELECT no FROM sessions WHERE id = $1) AND lineage = $2)";
        Ok(self.one(sql, &[&session.as_str(), &lineage], yes).await?.unwrap_or(false))
    }

    async fn session_text(&mut self, id: &SessionId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT record FROM sessions WHERE id = $1 AND record IS NOT NULL";
        self.one(sql, &[&id.as_str()], |row| text(row, 0)).await
    }

    async fn find_stored(&mut self, id: &TaskId) -> Result<Option<StoredTask>, StoreError> {
        let sql = "SELECT s.id, t.id, t.kind, t.version, t.state, t.finished_at, t.record
                   FROM tasks t JOIN sessions s ON s.no = t.session WHERE t.id = $1";
        self.one(sql, &[&id.as_str()], |row| {
            let (session_id, id) = named_at(row, 0)?;
            let finished_at = get::<Option<i64>>(row, 5)?.map(time).transpose()?;
            let (kind, version, state) = (text(row, 2)?, number(row, 3)?, text(row, 4)?);
            Ok(StoredTask { id, session_id, kind, version, state, finished_at, record: text(row, 6)? })
        })
        .await
    }

    async fn ids_of(&mut self, session: &SessionId, limit: usize) -> Result<Vec<TaskId>, StoreError> {
        let sql = "SELECT id FROM tasks WHERE session = (SELECT no FROM sessions WHERE id = $1) ORDER BY no LIMIT $2";
        self.all(sql, &[&session.as_str(), &many(limit)], task_id).await
    }

    async fn scan(
        &mut self,
        what: UnreadableKind,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Option<UnreadableRow>)>, StoreError> {
        let rows = self.rows(scan::sql(what), &[&big(after), &many(limit)]).await?;
        let look = |row: &Row| {
            let (session, task, id) = (text(row, 1)?, get(row, 2)?, text(row, 3)?);
            let looked = Looked { session, task, id, text: get(row, 4)?, beside: get(row, 5)?, further: get(row, 6)? };
            Ok((number(row, 0)?, scan::judge(what, &looked)?))
        };
        rows.iter().map(look).collect()
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
        if let Some(reason) = self.unit.unreadable.get(id).cloned() {
            return asked_for(self.unreadable(UnreadableKind::Task, id, &reason).await?.map(Err));
        }
        Ok(self.unit.task(id).map(|known| known.task.clone()))
    }

    async fn owner(&mut self, id: &TaskId) -> Result<Option<SessionId>, StoreError> {
        if let Some(known) = self.unit.tasks.get(id).filter(|_| !self.unit.unreadable.contains_key(id)) {
            return Ok(known.as_ref().map(|known| known.task.session_id.clone()));
        }
        let sql = "SELECT s.id FROM tasks t JOIN sessions s ON s.no = t.session WHERE t.id = $1";
        self.one(sql, &[&id.as_str()], |row| text(row, 0)?.parse().map_err(of_id)).await
    }

    async fn find_spec(&mut self, id: &TaskId) -> Result<Value, StoreError> {
        let spec = match self.known_spec(id) {
            Some(spec) => read(spec),
            None => {
                let sql = "SELECT spec FROM specs WHERE task = (SELECT no FROM tasks WHERE id = $1)";
                let spec = self.one(sql, &[&id.as_str()], |row| json(row, 0)).await?;
                spec.unwrap_or_else(|| Err(MISSING.to_owned()))
            }
        };
        match spec {
            Ok(spec) => Ok(spec),
            Err(reason) => {
                let row = self.unreadable(UnreadableKind::Spec, id, &reason).await?;
                Err(row.map_or_else(|| of_row("a specification is missing", id), StoreError::Unreadable))
            }
        }
    }

    async fn find_result(&mut self, id: &TaskId) -> Result<Option<Value>, StoreError> {
        let sql = "SELECT result FROM results WHERE task = (SELECT no FROM tasks WHERE id = $1)";
        match self.one(sql, &[&id.as_str()], |row| json(row, 0)).await?.transpose() {
            Ok(result) => Ok(result),
            Err(reason) => asked_for(self.unreadable(UnreadableKind::Result, id, &reason).await?.map(Err)),
        }
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
    ) -> Result<Vec<Read<Task>>, StoreError> {
        let List { sql, given } = List::of(filter, order, after);
        let (session, limit) = (session.as_str(), many(limit));
        let mut all: Vec<Given<'_>> = vec![&session, &limit];
        all.extend(given.iter().map(|given| -> Given<'_> { &**given }));
        self.all(&sql, &all, named_record).await
    }

    async fn code_in_use(&mut self) -> Result<Vec<CodeInUse>, StoreError> {
        let sql = "SELECT kind, code, count(*) FROM tasks WHERE phase <> 'over' GROUP BY kind, code
                   ORDER BY kind, code NULLS FIRST";
        self.all(sql, &[], |row| Ok(CodeInUse { kind: text(row, 0)?, code: get(row, 1)?, tasks: number(row, 2)? }))
            .await
    }

    async fn resident(&mut self, host: &HostRef) -> Result<Vec<Read<Task>>, StoreError> {
        let sql = "SELECT t.record, s.id, t.id, t.priority FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.host_id = $1 AND t.host_epoch = $2 ORDER BY t.no";
        self.all(sql, &[&host.id.as_str(), &big(host.epoch)], named_record).await
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

    async fn external_cancels_after(&mut self, after: u64, limit: usize) -> Result<Vec<(u64, Read<Task>)>, StoreError> {
        let sql = "SELECT t.record, t.no, s.id, t.id, t.priority FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.external_cancel AND t.no > $1 ORDER BY t.no LIMIT $2";
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
            return asked_for(known.clone());
        }
        let sql = format!("{MESSAGES} WHERE m.id = $1");
        asked_for(self.one(&sql, &[&id.as_str()], stored_message).await?)
    }

    async fn messages_after(
        &mut self,
        task: &TaskId,
        after: &MessageId,
        limit: usize,
    ) -> Result<Vec<Read<Message>>, StoreError> {
        let sql = format!(
            "{MESSAGES} WHERE m.task = (SELECT no FROM tasks WHERE id = $1)
                 AND m.no > (SELECT no FROM messages WHERE id = $2) ORDER BY m.no LIMIT $3"
        );
        self.all(&sql, &[&task.as_str(), &after.as_str(), &many(limit)], message).await
    }

    async fn messages_from(
        &mut self,
        task: &TaskId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Read<Message>)>, StoreError> {
        let sql = format!(
            "{MESSAGES} WHERE m.task = (SELECT no FROM tasks WHERE id = $1) AND m.no > $2 ORDER BY m.no LIMIT $3"
        );
        let given: [Given<'_>; 3] = [&task.as_str(), &big(after), &many(limit)];
        self.all(&sql, &given, |row| Ok((number(row, 4)?, message(row)?))).await
    }

    async fn latest_messages(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Read<Message>>, StoreError> {
        let sql = format!("{MESSAGES} WHERE m.task = (SELECT no FROM tasks WHERE id = $1) ORDER BY m.no DESC LIMIT $2");
        let mut latest = self.all(&sql, &[&task.as_str(), &many(limit)], message).await?;
        latest.reverse();
        Ok(latest)
    }

    async fn unread(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Read<Message>>, StoreError> {
        let sql = format!(
            "{MESSAGES} WHERE m.task = (SELECT no FROM tasks WHERE id = $1) AND m.taken = 0
                 AND m.direction = 'inbound' ORDER BY m.no LIMIT $2"
        );
        self.all(&sql, &[&task.as_str(), &many(limit)], message).await
    }

    async fn events_after(&mut self, session: &SessionId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT seq, at, task_id, type, changes, body FROM events
                   WHERE session = (SELECT no FROM sessions WHERE id = $1) AND seq > $2 ORDER BY seq LIMIT $3";
        let rows = self.rows(sql, &[&session.as_str(), &big(after), &many(limit)]).await?;
        let event = |row: &Row| {
            let task: TaskId = text(row, 2)?.parse().map_err(of_id)?;
            let place = (session, number(row, 0)?, &task, at(row, 1)?);
            Ok(encoded::event(place, borrowed(row, 3)?, get::<Option<String>>(row, 4)?.as_deref(), borrowed(row, 5)?))
        };
        rows.iter().map(event).collect()
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

    async fn pending_wakes(&mut self, session: &SessionId, limit: usize) -> Result<Vec<Read<Wake>>, StoreError> {
        let sql = "SELECT w.id, w.task_id, w.attempt, w.cause, w.text, w.created_at, s.id
                   FROM wakes w JOIN sessions s ON s.no = w.session
                   WHERE s.id = $1 AND w.acknowledged_at IS NULL ORDER BY w.id LIMIT $2";
        self.all(sql, &[&session.as_str(), &many(limit)], |row| {
            let session = text(row, 6)?.parse().map_err(of_id)?;
            let (named, numbers) = ((get(row, 0)?, borrowed(row, 1)?), (get(row, 2)?, get(row, 5)?));
            Ok(whole_wake(&session, named, numbers, json(row, 3)?, text(row, 4)?))
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
