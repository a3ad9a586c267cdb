//! Rows into a PostgreSQL database, within a transaction that has locked the sessions it is about.
//! Does not begin or commit: the store does.

use serde_json::Value;
use taskwright_registry::{
    Direction, EventBody, HostRef, Message, MessageId, SessionId, SessionRecord, Task, TaskId, Timestamp,
};

use super::rows::{Given, PgRows, big, get};
use crate::column::{encode, millis, of_row};
use crate::encoded::same_columns;
use crate::rows::{LeaseRow, NewWake, Taken, Transaction};
use crate::{Change, Hidden, StoreError};

impl PgRows {
    /// Runs a statement that must change exactly one row.
    async fn one_row(&mut self, what: &str, sql: &str, given: &[Given<'_>]) -> Result<(), StoreError> {
        match self.run(sql, given).await? {
            1 => Ok(()),
            rows => Err(of_row(what, format!("{rows} rows where there had to be one"))),
        }
    }
}

impl Transaction for PgRows {
    async fn put_session(&mut self, session: &SessionRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO sessions (id, state, record, ending, owner_id, owner_task_id)
                   VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (id) DO UPDATE SET state = excluded.state, record = excluded.record,
                       ending = excluded.ending, owner_id = excluded.owner_id, owner_task_id = excluded.owner_task_id";
        let owner = session.owner.as_ref();
        let owner_id = owner.map(|owner| owner.session_id.as_str());
        let owner_task = owner.and_then(|owner| owner.task_id.as_ref()).map(TaskId::as_str);
        let record = encode("a session", session)?;
        let given: [Given<'_>; 6] =
            [&session.id.as_str(), &session.state.as_str(), &record, &session.is_ending(), &owner_id, &owner_task];
        self.one_row("a session", sql, &given).await
    }

    async fn delete_session(&mut self, id: &SessionId) -> Result<(), StoreError> {
        let sql = "DELETE FROM wakes WHERE session = (SELECT no FROM sessions WHERE id = $1)";
        self.run(sql, &[&id.as_str()]).await?;
        // What is remembered of its lineages, and who delivers its wakes, goes with it.
        self.one_row("a session", "DELETE FROM sessions WHERE id = $1", &[&id.as_str()]).await
    }

    async fn delete_events_of(&mut self, session: &SessionId, limit: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM events WHERE no IN (
                       SELECT no FROM events WHERE session = (SELECT no FROM sessions WHERE id = $1)
                       ORDER BY seq LIMIT $2)";
        let deleted = self.run(sql, &[&session.as_str(), &big(limit as u64)]).await?;
        Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
    }

    async fn put_canceled_lineage(
        &mut self,
        session: &SessionId,
        lineage: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO canceled_lineages (session, lineage, at)
                   SELECT no, $2, $3 FROM sessions WHERE id = $1 ON CONFLICT DO NOTHING";
        self.run(sql, &[&session.as_str(), &lineage, &millis(at)]).await?;
        Ok(())
    }

    async fn move_task(&mut self, before: &Task, after: &Task) -> Result<(), StoreError> {
        let record = self.encoded.record(after)?.to_owned();
        let sql = "UPDATE tasks SET version = $3, record = $4, session = (SELECT no FROM sessions WHERE id = $5)
                   WHERE id = $1 AND version = $2";
        let (id, to) = (before.id.as_str(), after.session_id.as_str());
        self.one_row("a task", sql, &[&id, &big(before.version), &big(after.version), &record, &to]).await?;
        let sql = "UPDATE wakes SET session = (SELECT no FROM sessions WHERE id = $3)
                   WHERE session = (SELECT no FROM sessions WHERE id = $2) AND task_id = $1 AND acknowledged_at IS NULL";
        self.run(sql, &[&id, &before.session_id.as_str(), &to]).await?;
        Ok(())
    }

    async fn insert_task(&mut self, task: &Task) -> Result<(), StoreError> {
        let sql = "WITH new AS (
                       INSERT INTO tasks (id, session, version, state, phase, due_at, host_id, host_epoch, kind, name,
                           idempotency_key, parent_task_id, run_id, hidden, record, external_ends_at)
                       VALUES ($1, (SELECT no FROM sessions WHERE id = $2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                           $13, $14, $15, $16)
                       RETURNING no)
                   INSERT INTO specs (task, spec) SELECT no, $17 FROM new";
        let record = self.encoded.record(task)?.to_owned();
        let host = task.dispatch.host.as_ref();
        let given: [Given<'_>; 17] = [
            &task.id.as_str(),
            &task.session_id.as_str(),
            &big(task.version),
            &task.state.as_str(),
            &task.dispatch.phase.as_str(),
            &task.dispatch.due_at.map(millis),
            &host.map(|host| host.id.as_str()),
            &host.map(|host| big(host.epoch)),
            &task.kind,
            &task.name,
            &task.idempotency_key,
            &task.parent.task_id,
            &task.parent.run_id,
            &i16::from(Hidden::rank(task)),
            &record,
            &task.external_ends_at().map(millis),
            &encode("a specification", &task.spec)?,
        ];
        self.one_row("a task", sql, &given).await
    }

    async fn put_task(&mut self, before: &Task, after: &Task) -> Result<(), StoreError> {
        let record = self.encoded.record(after)?.to_owned();
        let id = before.id.as_str();
        if same_columns(before, after) {
            // Touches no index.
            let sql = "UPDATE tasks SET version = $3, record = $4 WHERE id = $1 AND version = $2";
            let given: [Given<'_>; 4] = [&id, &big(before.version), &big(after.version), &record];
            return self.one_row("a task", sql, &given).await;
        }
        let host = after.dispatch.host.as_ref();
        let sql = "UPDATE tasks SET version = $3, record = $4, state = $5, phase = $6, due_at = $7, host_id = $8,
                       host_epoch = $9, finished_at = $10, code = $11, external_ends_at = $12, external_cancel = $13,
                       hidden = $14
                   WHERE id = $1 AND version = $2";
        let given: [Given<'_>; 14] = [
            &id,
            &big(before.version),
            &big(after.version),
            &record,
            &after.state.as_str(),
            &after.dispatch.phase.as_str(),
            &after.dispatch.due_at.map(millis),
            &host.map(|host| host.id.as_str()),
            &host.map(|host| big(host.epoch)),
            &after.finished_at.map(millis),
            &after.dispatch.code,
            &after.external_ends_at().map(millis),
            &after.external_cancel_waits(),
            &i16::from(Hidden::rank(after)),
        ];
        self.one_row("a task", sql, &given).await
    }

    async fn put_result(&mut self, id: &TaskId, result: Value) -> Result<(), StoreError> {
        let sql = "INSERT INTO results (task, result) SELECT no, $2 FROM tasks WHERE id = $1
                   ON CONFLICT (task) DO UPDATE SET result = excluded.result";
        self.one_row("a result", sql, &[&id.as_str(), &encode("a result", &result)?]).await
    }

    async fn put_checkpoint(&mut self, id: &TaskId, checkpoint: Vec<u8>) -> Result<(), StoreError> {
        let sql = "INSERT INTO checkpoints (task, bytes) SELECT no, $2 FROM tasks WHERE id = $1
                   ON CONFLICT (task) DO UPDATE SET bytes = excluded.bytes";
        self.one_row("a checkpoint", sql, &[&id.as_str(), &checkpoint]).await
    }

    async fn insert_message(&mut self, message: &Message, answered: bool) -> Result<(), StoreError> {
        let direction = match message.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        };
        let sql = "INSERT INTO messages (id, task, direction, answered, body)
                   SELECT $1, no, $3, $4, $5 FROM tasks WHERE id = $2";
        let body = encode("a message", message)?;
        let given: [Given<'_>; 5] = [&message.id.as_str(), &message.task_id.as_str(), &direction, &answered, &body];
        self.one_row("a message", sql, &given).await
    }

    async fn take_message(&mut self, id: &MessageId, taken: Taken) -> Result<(), StoreError> {
        let sql = "UPDATE messages SET taken = $2 WHERE id = $1";
        self.one_row("a message", sql, &[&id.as_str(), &taken.number()]).await
    }

    async fn release_held(&mut self, task: &TaskId, into: Taken) -> Result<(), StoreError> {
        let sql = "UPDATE messages SET taken = $2 WHERE task = (SELECT no FROM tasks WHERE id = $1) AND taken = 2";
        self.run(sql, &[&task.as_str(), &into.number()]).await?;
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
        let sql = "WITH next AS (
                       UPDATE sessions SET last_seq = last_seq + 1 WHERE id = $1 RETURNING no, last_seq)
                   INSERT INTO events (session, seq, at, task_id, type, changes, body)
                   SELECT no, last_seq, $2, $3, $4, $5, $6 FROM next";
        let given: [Given<'_>; 6] = [&session.as_str(), &millis(at), &task.as_str(), &kind, &changes, &body];
        self.one_row("an event", sql, &given).await
    }

    async fn insert_wake(&mut self, wake: NewWake) -> Result<(), StoreError> {
        let sql = "INSERT INTO wakes (session, task_id, attempt, cause_key, cause, text, created_at)
                   SELECT no, $2, $3, $4, $5, $6, $7 FROM sessions WHERE id = $1
                   ON CONFLICT (session, task_id, attempt, cause_key) DO NOTHING";
        let cause = encode("a wake", &wake.cause)?;
        let given: [Given<'_>; 7] = [
            &wake.session_id.as_str(),
            &wake.task_id.as_str(),
            &i64::from(wake.attempt),
            &wake.cause.key(),
            &cause,
            &wake.text,
            &millis(wake.at),
        ];
        self.run(sql, &given).await?;
        Ok(())
    }

    async fn acknowledge_wake(&mut self, session: &SessionId, id: u64, at: Timestamp) -> Result<bool, StoreError> {
        // An id that does not fit into a row names none.
        let Ok(id) = i64::try_from(id) else { return Ok(false) };
        let sql = "UPDATE wakes SET acknowledged_at = $3
                   WHERE id = $2 AND session = (SELECT no FROM sessions WHERE id = $1) AND acknowledged_at IS NULL";
        Ok(self.run(sql, &[&session.as_str(), &id, &millis(at)]).await? == 1)
    }

    async fn put_wake_claim(&mut self, session: &SessionId, host: Option<&HostRef>) -> Result<(), StoreError> {
        let Some(host) = host else {
            let sql = "DELETE FROM wake_claims WHERE session = (SELECT no FROM sessions WHERE id = $1)";
            return self.one_row("a claim of wakes", sql, &[&session.as_str()]).await;
        };
        let sql = "INSERT INTO wake_claims (session, host_id, host_epoch) SELECT no, $2, $3 FROM sessions WHERE id = $1
                   ON CONFLICT (session) DO UPDATE SET host_id = excluded.host_id, host_epoch = excluded.host_epoch";
        self.one_row("a claim of wakes", sql, &[&session.as_str(), &host.id.as_str(), &big(host.epoch)]).await
    }

    async fn put_lease(&mut self, lease: &LeaseRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO hosts (id, epoch, length_ms, era, until_ms, taken, opened_at, renewed_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                   ON CONFLICT (id, epoch) DO UPDATE SET length_ms = excluded.length_ms, era = excluded.era,
                       until_ms = excluded.until_ms, taken = excluded.taken, renewed_at = excluded.renewed_at";
        let given: [Given<'_>; 8] = [
            &lease.host.id.as_str(),
            &big(lease.host.epoch),
            &big(lease.length.millis()),
            &lease.era,
            &big(lease.until_millis),
            &lease.taken,
            &millis(lease.opened_at),
            &millis(lease.renewed_at),
        ];
        self.one_row("a lease", sql, &given).await
    }

    async fn delete_lease(&mut self, host: &HostRef) -> Result<(), StoreError> {
        let sql = "DELETE FROM hosts WHERE id = $1 AND epoch = $2";
        self.one_row("a lease", sql, &[&host.id.as_str(), &big(host.epoch)]).await
    }

    async fn delete_task(&mut self, task: &Task) -> Result<(), StoreError> {
        let sql = "DELETE FROM wakes WHERE session = (SELECT no FROM sessions WHERE id = $1) AND task_id = $2";
        self.run(sql, &[&task.session_id.as_str(), &task.id.as_str()]).await?;
        // What lies beside it goes with it.
        self.one_row("a task", "DELETE FROM tasks WHERE id = $1", &[&task.id.as_str()]).await?;
        self.one("SELECT nextval('forgotten')", &[], |row| get::<i64>(row, 0)).await?;
        Ok(())
    }

    async fn delete_oldest_events(&mut self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        // The oldest first, and none behind one that stays: the log of each session keeps no gap, even if the clock went back. In one
        // statement, which sees one state of the log: what is written meanwhile is not the oldest.
        let sql = "WITH oldest AS (SELECT no, at FROM events ORDER BY no LIMIT $2),
                       kept AS (SELECT min(no) AS no FROM oldest WHERE at >= $1)
                   DELETE FROM events USING oldest, kept
                   WHERE events.no = oldest.no AND (kept.no IS NULL OR oldest.no < kept.no)";
        let deleted = self.run(sql, &[&millis(before), &big(limit as u64)]).await?;
        Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
    }

    fn announce(&mut self, change: Change) {
        self.announced.change(change);
    }
}
