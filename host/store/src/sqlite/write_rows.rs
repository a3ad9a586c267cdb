//! Rows into a SQLite database, within the writer's transaction.
//! Does not begin or commit: the writer does.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;
use taskwright_registry::{
    Direction, EventBody, HostRef, Message, MessageId, SessionId, SessionRecord, Task, TaskId, Timestamp,
};

use super::failure::of_row;
use super::rows::SqliteRows;
use super::text::{encode, millis};
use crate::encoded::same_columns;
use crate::rows::{LeaseRow, NewWake, Taken, Transaction};
use crate::{Change, Hidden, StoreError};

impl SqliteRows<'_> {
    /// Runs a statement that must change exactly one row.
    fn one_row(&self, what: &str, sql: &str, params: impl rusqlite::Params) -> Result<(), StoreError> {
        match self.connection.prepare_cached(sql)?.execute(params)? {
            1 => Ok(()),
            rows => Err(of_row(what, format!("{rows} rows where there had to be one"))),
        }
    }
}

impl Transaction for SqliteRows<'_> {
    async fn put_session(&mut self, session: &SessionRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO sessions (id, state, record, ending, owner_id, owner_task_id)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT (id) DO UPDATE SET state = excluded.state, record = excluded.record,
                       ending = excluded.ending, owner_id = excluded.owner_id, owner_task_id = excluded.owner_task_id";
        let owner = session.owner.as_ref();
        let params = params![
            session.id.as_str(),
            session.state.as_str(),
            encode("a session", session)?,
            session.is_ending(),
            owner.map(|owner| owner.session_id.as_str()),
            owner.and_then(|owner| owner.task_id.as_ref()).map(TaskId::as_str),
        ];
        self.one_row("a session", sql, params)
    }

    async fn delete_session(&mut self, id: &SessionId) -> Result<(), StoreError> {
        let sql = "DELETE FROM wakes WHERE session = (SELECT no FROM sessions WHERE id = ?1)";
        self.connection.prepare_cached(sql)?.execute([id.as_str()])?;
        // What is remembered of its lineages, and who delivers its wakes, goes with it.
        self.one_row("a session", "DELETE FROM sessions WHERE id = ?1", [id.as_str()])
    }

    async fn delete_events_of(&mut self, session: &SessionId, limit: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM events WHERE no IN (
                       SELECT no FROM events WHERE session = (SELECT no FROM sessions WHERE id = ?1)
                       ORDER BY seq LIMIT ?2)";
        Ok(self.connection.prepare_cached(sql)?.execute(params![session.as_str(), limit])?)
    }

    async fn put_canceled_lineage(
        &mut self,
        session: &SessionId,
        lineage: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO canceled_lineages (session, lineage, at)
                   VALUES ((SELECT no FROM sessions WHERE id = ?1), ?2, ?3) ON CONFLICT DO NOTHING";
        self.connection.prepare_cached(sql)?.execute(params![session.as_str(), lineage, millis(at)])?;
        Ok(())
    }

    async fn move_task(&mut self, before: &Task, after: &Task) -> Result<(), StoreError> {
        self.encoded.record(after)?;
        let record = self.encoded.kept();
        let sql = "UPDATE tasks SET version = ?3, record = ?4, session = (SELECT no FROM sessions WHERE id = ?5)
                   WHERE id = ?1 AND version = ?2";
        let (id, to) = (before.id.as_str(), after.session_id.as_str());
        self.one_row("a task", sql, params![id, before.version, after.version, record, to])?;
        let sql = "UPDATE wakes SET session = (SELECT no FROM sessions WHERE id = ?3)
                   WHERE session = (SELECT no FROM sessions WHERE id = ?2) AND task_id = ?1 AND acknowledged_at IS NULL";
        self.connection.prepare_cached(sql)?.execute([id, before.session_id.as_str(), to])?;
        Ok(())
    }

    async fn insert_task(&mut self, task: &Task) -> Result<(), StoreError> {
        let connection = self.connection;
        connection
            .prepare_cached("INSERT INTO sessions (id) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([task.session_id.as_str()])?;
        let host = task.dispatch.host.as_ref();
        let record = self.encoded.record(task)?;
        connection
            .prepare_cached(
                "INSERT INTO tasks (id, session, version, state, phase, due_at, host_id, host_epoch, kind, name,
                     idempotency_key, parent_task_id, run_id, hidden, record, external_ends_at, priority)
                 VALUES (?1, (SELECT no FROM sessions WHERE id = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
                     ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                task.id.as_str(),
                task.session_id.as_str(),
                task.version,
                task.state.as_str(),
                task.dispatch.phase.as_str(),
                crate::due_key::key(task),
                host.map(|host| host.id.as_str()),
                host.map(|host| host.epoch),
                task.kind,
                task.name,
                task.idempotency_key,
                task.parent.task_id,
                task.parent.run_id,
                Hidden::rank(task),
                record,
                task.external_ends_at().map(millis),
                task.priority.rank(),
            ])?;
        let no = connection.last_insert_rowid();
        connection
            .prepare_cached("INSERT INTO specs (task, spec) VALUES (?1, ?2)")?
            .execute(params![no, encode("a specification", &task.spec)?])?;
        Ok(())
    }

    async fn put_task(&mut self, before: &Task, after: &Task) -> Result<(), StoreError> {
        self.encoded.record(after)?;
        let record = self.encoded.kept();
        let (id, expected) = (before.id.as_str(), before.version);
        if same_columns(before, after) {
            // Touches no index.
            let sql = "UPDATE tasks SET version = ?3, record = ?4 WHERE id = ?1 AND version = ?2";
            return self.one_row("a task", sql, params![id, expected, after.version, record]);
        }
        let host = after.dispatch.host.as_ref();
        let sql = "UPDATE tasks SET version = ?3, record = ?4, state = ?5, phase = ?6, due_at = ?7, host_id = ?8,
                       host_epoch = ?9, finished_at = ?10, code = ?11, external_ends_at = ?12, external_cancel = ?13, hidden = ?14
                   WHERE id = ?1 AND version = ?2";
        let params = params![
            id,
            expected,
            after.version,
            record,
            after.state.as_str(),
            after.dispatch.phase.as_str(),
            crate::due_key::key(after),
            host.map(|host| host.id.as_str()),
            host.map(|host| host.epoch),
            after.finished_at.map(millis),
            after.dispatch.code,
            after.external_ends_at().map(millis),
            after.external_cancel_waits(),
            Hidden::rank(after),
        ];
        self.one_row("a task", sql, params)
    }

    async fn postpone(&mut self, id: &TaskId, until: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE tasks SET due_at = ?2 WHERE id = ?1 AND due_at IS NOT NULL";
        self.connection.prepare_cached(sql)?.execute(params![id.as_str(), millis(until)])?;
        Ok(())
    }

    async fn clear_spec(&mut self, id: &TaskId) -> Result<(), StoreError> {
        // Its row may be missing.
        let sql = "INSERT INTO specs (task, spec) SELECT no, 'null' FROM tasks WHERE id = ?1
                   ON CONFLICT (task) DO UPDATE SET spec = excluded.spec";
        self.one_row("a specification", sql, [id.as_str()])
    }

    async fn put_priority(&mut self, task: &Task) -> Result<(), StoreError> {
        let sql = "UPDATE tasks SET priority = ?2 WHERE id = ?1";
        self.one_row("a task", sql, params![task.id.as_str(), task.priority.rank()])
    }

    async fn put_result(&mut self, id: &TaskId, result: Value) -> Result<(), StoreError> {
        let sql = "INSERT INTO results (task, result) VALUES ((SELECT no FROM tasks WHERE id = ?1), ?2)
                   ON CONFLICT (task) DO UPDATE SET result = excluded.result";
        self.one_row("a result", sql, params![id.as_str(), encode("a result", &result)?])
    }

    async fn put_checkpoint(&mut self, id: &TaskId, checkpoint: Vec<u8>) -> Result<(), StoreError> {
        let sql = "INSERT INTO checkpoints (task, bytes) VALUES ((SELECT no FROM tasks WHERE id = ?1), ?2)
                   ON CONFLICT (task) DO UPDATE SET bytes = excluded.bytes";
        self.one_row("a checkpoint", sql, params![id.as_str(), checkpoint])
    }

    async fn insert_message(&mut self, message: &Message, answered: bool) -> Result<(), StoreError> {
        let direction = match message.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        };
        let sql = "INSERT INTO messages (id, task, direction, answered, body)
                   VALUES (?1, (SELECT no FROM tasks WHERE id = ?2), ?3, ?4, ?5)";
        let body = encode("a message", message)?;
        self.one_row(
            "a message",
            sql,
            params![message.id.as_str(), message.task_id.as_str(), direction, answered, body],
        )
    }

    async fn take_message(&mut self, id: &MessageId, taken: Taken) -> Result<(), StoreError> {
        let sql = "UPDATE messages SET taken = ?2 WHERE id = ?1";
        self.one_row("a message", sql, params![id.as_str(), taken.number()])
    }

    async fn release_held(&mut self, task: &TaskId, into: Taken) -> Result<(), StoreError> {
        // The 2 stands here as a literal so that the index of what is held serves.
        let sql = "UPDATE messages SET taken = ?2 WHERE task = (SELECT no FROM tasks WHERE id = ?1) AND taken = 2";
        self.connection.prepare_cached(sql)?.execute(params![task.as_str(), into.number()])?;
        Ok(())
    }

    async fn append_event(
        &mut self,
        session: &SessionId,
        task: &TaskId,
        at: Timestamp,
        body: EventBody,
    ) -> Result<(), StoreError> {
        let kind = body.type_name();
        self.announced.event(kind);
        let (changes, body) = self.encoded.event(&body)?;
        let connection = self.connection;
        let (no, seq): (i64, i64) = connection
            .prepare_cached("UPDATE sessions SET last_seq = last_seq + 1 WHERE id = ?1 RETURNING no, last_seq")?
            .query_row([session.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        connection
            .prepare_cached(
                "INSERT INTO events (session, seq, at, task_id, type, changes, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![no, seq, millis(at), task.as_str(), kind, changes, body])?;
        Ok(())
    }

    async fn insert_wake(&mut self, wake: NewWake) -> Result<(), StoreError> {
        let sql = "INSERT INTO wakes (session, task_id, attempt, cause_key, cause, text, created_at)
                   VALUES ((SELECT no FROM sessions WHERE id = ?1), ?2, ?3, ?4, ?5, ?6, ?7)
                   ON CONFLICT (session, task_id, attempt, cause_key) DO NOTHING";
        let cause = encode("a wake", &wake.cause)?;
        self.connection.prepare_cached(sql)?.execute(params![
            wake.session_id.as_str(),
            wake.task_id.as_str(),
            wake.attempt,
            wake.cause.key(),
            cause,
            wake.text,
            millis(wake.at),
        ])?;
        Ok(())
    }

    async fn acknowledge_wakes(
        &mut self,
        session: &SessionId,
        ids: &[u64],
        at: Timestamp,
    ) -> Result<usize, StoreError> {
        let sql = "UPDATE wakes SET acknowledged_at = ?3
                   WHERE id = ?2 AND session = (SELECT no FROM sessions WHERE id = ?1) AND acknowledged_at IS NULL";
        let mut acknowledged = 0;
        // An id that does not fit into a row names none.
        for id in ids.iter().filter_map(|id| i64::try_from(*id).ok()) {
            acknowledged += self.connection.prepare_cached(sql)?.execute(params![session.as_str(), id, millis(at)])?;
        }
        Ok(acknowledged)
    }

    async fn put_wake_claim(&mut self, session: &SessionId, host: Option<&HostRef>) -> Result<(), StoreError> {
        let Some(host) = host else {
            let sql = "DELETE FROM wake_claims WHERE session = (SELECT no FROM sessions WHERE id = ?1)";
            return self.one_row("a claim of wakes", sql, [session.as_str()]);
        };
        let sql = "INSERT INTO wake_claims (session, host_id, host_epoch)
                   VALUES ((SELECT no FROM sessions WHERE id = ?1), ?2, ?3)
                   ON CONFLICT (session) DO UPDATE SET host_id = excluded.host_id, host_epoch = excluded.host_epoch";
        self.one_row("a claim of wakes", sql, params![session.as_str(), host.id.as_str(), host.epoch])
    }

    async fn put_lease(&mut self, lease: &LeaseRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO hosts (id, epoch, length_ms, era, until_ms, taken, opened_at, renewed_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                   ON CONFLICT (id, epoch) DO UPDATE SET length_ms = excluded.length_ms, era = excluded.era,
                       until_ms = excluded.until_ms, taken = excluded.taken, renewed_at = excluded.renewed_at";
        let params = params![
            lease.host.id.as_str(),
            lease.host.epoch,
            lease.length.millis(),
            lease.era,
            lease.until_millis,
            lease.taken,
            millis(lease.opened_at),
            millis(lease.renewed_at),
        ];
        self.one_row("a lease", sql, params)
    }

    async fn delete_lease(&mut self, host: &HostRef) -> Result<(), StoreError> {
        let sql = "DELETE FROM hosts WHERE id = ?1 AND epoch = ?2";
        self.one_row("a lease", sql, params![host.id.as_str(), host.epoch])
    }

    async fn delete_task(&mut self, session: &SessionId, id: &TaskId) -> Result<(), StoreError> {
        let sql = "DELETE FROM wakes WHERE session = (SELECT no FROM sessions WHERE id = ?1) AND task_id = ?2";
        self.connection.prepare_cached(sql)?.execute([session.as_str(), id.as_str()])?;
        self.one_row("what was forgotten", "UPDATE forgotten SET count = count + 1", [])?;
        // What lies beside it goes with it.
        self.one_row("a task", "DELETE FROM tasks WHERE id = ?1", [id.as_str()])
    }

    async fn delete_oldest_events(&mut self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let connection = self.connection;
        // The oldest first, and none behind one that stays: the log of each session keeps no gap, even if the clock went back.
        let sql = "SELECT min(no) FROM (SELECT no, at FROM events ORDER BY no LIMIT ?2) WHERE at >= ?1";
        let first_kept: Option<i64> =
            connection.prepare_cached(sql)?.query_row(params![millis(before), limit], |row| row.get(0))?;
        let sql = "SELECT max(no) FROM (SELECT no FROM events WHERE no < ?1 ORDER BY no LIMIT ?2)";
        let last_gone: Option<i64> = connection
            .prepare_cached(sql)?
            .query_row(params![first_kept.unwrap_or(i64::MAX), limit], |row| row.get(0))
            .optional()?
            .flatten();
        let Some(last_gone) = last_gone else { return Ok(0) };
        Ok(connection.prepare_cached("DELETE FROM events WHERE no <= ?1")?.execute([last_gone])?)
    }

    fn announce(&mut self, change: Change) {
        self.announced.change(change);
    }
}
