//! Rows into a PostgreSQL database, within a transaction that has locked the sessions it is about.
//! Does not begin or commit. What is written often only waits here: `flush` sends it, before anything else is asked.

use serde_json::Value;
use taskwright_registry::{
    Direction, EventBody, HostRef, Message, MessageId, SessionId, SessionRecord, Task, TaskId, Timestamp,
};

use super::decode::big;
use super::rows::{Given, PgRows};
use super::unit::{KnownTask, NewEvent, UnsentMessage};
use crate::column::{encode, millis, of_row};
use crate::rows::{LeaseRow, NewWake, StoredMessage, Taken, Transaction};
use crate::{Change, StoreError};

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
        if self.locked_session(&session.id).await?.is_none() {
            let id = session.id.as_str();
            let sql = "INSERT INTO sessions (id) VALUES ($1) ON CONFLICT DO NOTHING";
            self.run(sql, &[&id]).await?;
        }
        let known = self.locked_session(&session.id).await?;
        let known = known.ok_or_else(|| of_row("a session", "no row where there had to be one"))?;
        known.record = Some(Ok(session.clone()));
        known.changed = true;
        self.unit.wrote(512);
        Ok(())
    }

    async fn delete_session(&mut self, id: &SessionId) -> Result<(), StoreError> {
        let sql = "DELETE FROM wakes WHERE session = (SELECT no FROM sessions WHERE id = $1)";
        self.run(sql, &[&id.as_str()]).await?;
        // What is remembered of its lineages, and who delivers its wakes, goes with it.
        self.one_row("a session", "DELETE FROM sessions WHERE id = $1", &[&id.as_str()]).await?;
        self.unit.sessions.remove(id);
        Ok(())
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
        self.unit.forget();
        Ok(())
    }

    async fn insert_task(&mut self, task: &Task) -> Result<(), StoreError> {
        // Its session has to be known by its number.
        if self.locked_session(&task.session_id).await?.is_none() {
            return Err(of_row("a task", format!("there is no row for its session {}", task.session_id)));
        }
        let text = self.encoded.record(task)?.to_owned();
        let spec = encode("a specification", &task.spec)?;
        if let Some(key) = &task.idempotency_key {
            self.unit.keys.insert((task.session_id.clone(), key.clone()), Some(task.id.clone()));
        }
        self.unit.wrote(text.len() + spec.len() + 256);
        self.unit.order.push(task.id.clone());
        self.unit.parents.clear();
        let mut task = task.clone();
        task.spec = Value::Null;
        let id = task.id.clone();
        let known = KnownTask { task, text: Some(text), spec: Some(spec), stored: None, waits: true };
        self.unit.tasks.insert(id, Some(known));
        Ok(())
    }

    async fn put_task(&mut self, before: &Task, after: &Task) -> Result<(), StoreError> {
        let text = self.encoded.record(after)?.to_owned();
        self.unit.wrote(text.len() + 256);
        let mut task = after.clone();
        task.spec = Value::Null;
        self.unit.unreadable.remove(&before.id);
        let known = self.unit.tasks.entry(before.id.clone()).or_default();
        let known = known.get_or_insert_with(|| KnownTask {
            task: before.clone(),
            text: None,
            spec: None,
            stored: Some(before.version),
            waits: false,
        });
        if known.task.version != before.version {
            let both = format!("version {} where there had to be {}", known.task.version, before.version);
            return Err(of_row("a task", both));
        }
        if !std::mem::replace(&mut known.waits, true) {
            self.unit.order.push(before.id.clone());
        }
        (known.task, known.text) = (task, Some(text));
        Ok(())
    }

    async fn postpone(&mut self, id: &TaskId, until: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE tasks SET due_at = $2 WHERE id = $1 AND due_at IS NOT NULL";
        self.run(sql, &[&id.as_str(), &millis(until)]).await?;
        Ok(())
    }

    async fn clear_spec(&mut self, id: &TaskId) -> Result<(), StoreError> {
        if let Some(Some(known)) = self.unit.tasks.get_mut(id) {
            known.spec = Some("null".to_owned());
        }
        // Its row may be missing.
        let sql = "INSERT INTO specs (task, spec) SELECT no, 'null' FROM tasks WHERE id = $1
                   ON CONFLICT (task) DO UPDATE SET spec = excluded.spec";
        self.one_row("a specification", sql, &[&id.as_str()]).await
    }

    async fn put_priority(&mut self, task: &Task) -> Result<(), StoreError> {
        let sql = "UPDATE tasks SET priority = $2 WHERE id = $1";
        self.one_row("a task", sql, &[&task.id.as_str(), &i16::from(task.priority.rank())]).await
    }

    async fn put_result(&mut self, id: &TaskId, result: Value) -> Result<(), StoreError> {
        let result = encode("a result", &result)?;
        self.unit.wrote(result.len() + 64);
        self.unit.results.insert(id.clone(), result);
        Ok(())
    }

    async fn put_checkpoint(&mut self, id: &TaskId, checkpoint: Vec<u8>) -> Result<(), StoreError> {
        self.unit.wrote(checkpoint.len() + 64);
        self.unit.checkpoints.insert(id.clone(), checkpoint);
        Ok(())
    }

    async fn insert_message(&mut self, message: &Message, answered: bool) -> Result<(), StoreError> {
        let direction = match message.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        };
        let body = encode("a message", message)?;
        self.unit.wrote(body.len() + 128);
        let known = StoredMessage { message: message.clone(), taken: Taken::No, answered };
        self.unit.messages.insert(message.id.clone(), Some(Ok(known)));
        let (id, task) = (message.id.to_string(), message.task_id.to_string());
        self.unit.new_messages.push(UnsentMessage { id, task, direction, answered, body });
        Ok(())
    }

    async fn take_message(&mut self, id: &MessageId, taken: Taken) -> Result<(), StoreError> {
        if let Some(Some(Ok(known))) = self.unit.messages.get_mut(id) {
            known.taken = taken;
        }
        let sql = "UPDATE messages SET taken = $2 WHERE id = $1";
        self.unit.wrote(64);
        self.unit.message_steps.push((sql, vec![Box::new(id.to_string()), Box::new(taken.number())]));
        Ok(())
    }

    async fn release_held(&mut self, task: &TaskId, into: Taken) -> Result<(), StoreError> {
        for known in self.unit.messages.values_mut().flatten().flatten() {
            if known.message.task_id == *task && known.taken == Taken::Held {
                known.taken = into;
            }
        }
        let sql = "UPDATE messages SET taken = $2 WHERE task = (SELECT no FROM tasks WHERE id = $1) AND taken = 2";
        self.unit.wrote(64);
        self.unit.message_steps.push((sql, vec![Box::new(task.to_string()), Box::new(into.number())]));
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
        let (changes, body) = self.encoded.event(&body)?;
        let known = self.locked_session(session).await?;
        let known = known.ok_or_else(|| of_row("an event", format!("there is no row for its session {session}")))?;
        known.last_seq += 1;
        known.logged = true;
        let (session, seq) = (known.no, known.last_seq);
        self.unit.wrote(body.len() + 128);
        self.unit.events.push(NewEvent { session, seq, at: millis(at), task: task.to_string(), kind, changes, body });
        self.announced.event(kind);
        Ok(())
    }

    async fn insert_wake(&mut self, wake: NewWake) -> Result<(), StoreError> {
        let known = self.locked_session(&wake.session_id).await?;
        let session = known.ok_or_else(|| of_row("a wake", "there is no row for its session"))?.no;
        self.unit.wrote(wake.text.len() + 256);
        self.unit.wakes.push((session, wake));
        Ok(())
    }

    async fn acknowledge_wakes(
        &mut self,
        session: &SessionId,
        ids: &[u64],
        at: Timestamp,
    ) -> Result<usize, StoreError> {
        // An id that does not fit into a row names none.
        let ids: Vec<i64> = ids.iter().filter_map(|id| i64::try_from(*id).ok()).collect();
        let sql = "UPDATE wakes SET acknowledged_at = $3
                   WHERE id = ANY($2) AND session = (SELECT no FROM sessions WHERE id = $1) AND acknowledged_at IS NULL";
        let acknowledged = self.run(sql, &[&session.as_str(), &ids, &millis(at)]).await?;
        Ok(usize::try_from(acknowledged).unwrap_or(usize::MAX))
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

    async fn delete_task(&mut self, session: &SessionId, id: &TaskId) -> Result<(), StoreError> {
        if self.unit.task(id).is_some_and(|known| known.waits) {
            self.flush().await?;
        }
        let session = self.locked_session(session).await?;
        let session = session.ok_or_else(|| of_row("a task", "there is no row for its session"))?.no;
        self.unit.remove(session, id);
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
