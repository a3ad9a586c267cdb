//! Writes what waits in a transaction: one statement for each table, all sent together.
//! Does not commit.

use taskwright_registry::{Task, TaskId};

use super::decode::big;
use super::pipeline::{Owned, Pipeline};
use super::rows::PgRows;
use super::unit::{KnownTask, NewEvent, Unit, UnsentMessage};
use crate::column::{encode, millis};
use crate::due_key;
use crate::rows::NewWake;
use crate::{Hidden, StoreError};

/// One array for each column.
macro_rules! columns {
    ($rows:expr, |$row:pat_param| $($value:expr),+ $(,)?) => {
        vec![$({
            #[allow(unused_variables, reason = "each column takes its own part of the row")]
            let column: Vec<_> = $rows.iter().map(|$row| $value).collect();
            Box::new(column) as Owned
        }),+]
    };
}

const SESSIONS: &str =
    "UPDATE sessions SET state = n.state, record = n.record, ending = n.ending, owner_id = n.owner_id,
        owner_task_id = n.owner_task_id
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::text[])
        AS n(no, state, record, ending, owner_id, owner_task_id)
    WHERE sessions.no = n.no";

const NEW_TASKS: &str = "WITH new AS (
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[],
            $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::smallint[], $15::text[],
            $16::bigint[], $17::bigint[], $18::text[], $19::boolean[], $20::text[], $21::smallint[]) WITH ORDINALITY
            AS n(id, session, version, state, phase, due_at, host_id, host_epoch, kind, name, idempotency_key,
            parent_task_id, run_id, hidden, record, external_ends_at, finished_at, code, external_cancel, spec, priority, place)),
    made AS (
        INSERT INTO tasks (id, session, version, state, phase, due_at, host_id, host_epoch, kind, name, idempotency_key,
            parent_task_id, run_id, hidden, record, external_ends_at, finished_at, code, external_cancel, priority)
        SELECT id, session, version, state, phase, due_at, host_id, host_epoch, kind, name, idempotency_key,
            parent_task_id, run_id, hidden, record, external_ends_at, finished_at, code, external_cancel, priority
        FROM new ORDER BY place RETURNING no, id)
    INSERT INTO specs (task, spec) SELECT made.no, new.spec FROM made JOIN new USING (id)";

// A column that stays as it is touches no index, though it is named here.
const TASKS: &str =
    "UPDATE tasks SET version = n.version, record = n.record, state = n.state, phase = n.phase, due_at = n.due_at,
        host_id = n.host_id, host_epoch = n.host_epoch, finished_at = n.finished_at, code = n.code,
        external_ends_at = n.external_ends_at, external_cancel = n.external_cancel, hidden = n.hidden
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
            $9::bigint[], $10::bigint[], $11::text[], $12::bigint[], $13::boolean[], $14::smallint[])
        AS n(id, before, version, record, state, phase, due_at, host_id, host_epoch, finished_at, code,
            external_ends_at, external_cancel, hidden)
    WHERE tasks.id = n.id AND tasks.version = n.before";

const REMOVED_WAKES: &str = "DELETE FROM wakes USING unnest($1::bigint[], $2::text[]) AS n(session, id)
    WHERE wakes.session = n.session AND wakes.task_id = n.id";

const REMOVED_TASKS: &str = "WITH gone AS (
        DELETE FROM tasks USING unnest($1::bigint[], $2::text[]) AS n(session, id)
        WHERE tasks.id = n.id AND tasks.session = n.session RETURNING no),
    its_spec AS (DELETE FROM specs USING gone WHERE task = no),
    its_result AS (DELETE FROM results USING gone WHERE task = no),
    its_checkpoint AS (DELETE FROM checkpoints USING gone WHERE task = no),
    its_messages AS (DELETE FROM messages USING gone WHERE task = gone.no)
    SELECT no FROM gone";

const FORGOTTEN: &str = "SELECT nextval('forgotten') FROM generate_series(1, $1::bigint)";

const RESULTS: &str = "INSERT INTO results (task, result)
    SELECT tasks.no, n.result FROM unnest($1::text[], $2::text[]) AS n(id, result) JOIN tasks ON tasks.id = n.id
    ON CONFLICT (task) DO UPDATE SET result = excluded.result";

const CHECKPOINTS: &str = "INSERT INTO checkpoints (task, bytes)
    SELECT tasks.no, n.bytes FROM unnest($1::text[], $2::bytea[]) AS n(id, bytes) JOIN tasks ON tasks.id = n.id
    ON CONFLICT (task) DO UPDATE SET bytes = excluded.bytes";

const MESSAGES: &str = "INSERT INTO messages (id, task, direction, answered, body)
    SELECT n.id, tasks.no, n.direction, n.answered, n.body
    FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[]) WITH ORDINALITY
        AS n(id, task, direction, answered, body, place)
    JOIN tasks ON tasks.id = n.task ORDER BY n.place";

const EVENTS: &str = "INSERT INTO events (session, seq, at, task_id, type, changes, body)
    SELECT session, seq, at, task_id, type, changes, body
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY
        AS n(session, seq, at, task_id, type, changes, body, place) ORDER BY place";

const LAST_EVENTS: &str = "UPDATE sessions SET last_seq = n.last_seq
    FROM unnest($1::bigint[], $2::bigint[]) AS n(no, last_seq) WHERE sessions.no = n.no";

const WAKES: &str = "INSERT INTO wakes (session, task_id, attempt, cause_key, cause, text, created_at)
    SELECT session, task_id, attempt, cause_key, cause, text, created_at
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[]) WITH ORDINALITY
        AS n(session, task_id, attempt, cause_key, cause, text, created_at, place) ORDER BY place
    ON CONFLICT (session, task_id, attempt, cause_key) DO NOTHING";

impl PgRows {
    /// Writes all that waits.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        if self.unit.bytes == 0 {
            return Ok(());
        }
        let pipeline = self.unit.drain()?;
        self.send(pipeline).await
    }
}

impl Unit {
    /// Makes statements of all that waits.
    fn drain(&mut self) -> Result<Pipeline, StoreError> {
        let mut pipeline = Pipeline::default();
        self.drain_sessions(&mut pipeline)?;
        let removed = std::mem::take(&mut self.removed);
        if !removed.is_empty() {
            let given = || columns!(removed, |(session, id)| *session, id.to_string());
            pipeline.any("wakes of a task", REMOVED_WAKES, given());
            pipeline.exactly(removed.len(), "a task", REMOVED_TASKS, given());
            let many = i64::try_from(removed.len()).unwrap_or(i64::MAX);
            pipeline.any("what was forgotten", FORGOTTEN, vec![Box::new(many)]);
        }
        self.drain_tasks(&mut pipeline);
        let results: Vec<(String, String)> =
            std::mem::take(&mut self.results).into_iter().map(|(id, result)| (id.to_string(), result)).collect();
        if !results.is_empty() {
            let given = columns!(results, |(id, result)| id.clone(), result.clone());
            pipeline.exactly(results.len(), "a result", RESULTS, given);
        }
        let checkpoints = std::mem::take(&mut self.checkpoints);
        if !checkpoints.is_empty() {
            let (ids, bytes): (Vec<String>, Vec<Vec<u8>>) =
                checkpoints.into_iter().map(|(id, bytes)| (id.to_string(), bytes)).unzip();
            pipeline.exactly(ids.len(), "a checkpoint", CHECKPOINTS, vec![Box::new(ids), Box::new(bytes)]);
        }
        let messages: Vec<UnsentMessage> = std::mem::take(&mut self.new_messages);
        if !messages.is_empty() {
            let given = columns!(
                messages,
                |message| message.id.clone(),
                message.task.clone(),
                message.direction,
                message.answered,
                message.body.clone()
            );
            pipeline.exactly(messages.len(), "a message", MESSAGES, given);
        }
        for (sql, given) in std::mem::take(&mut self.message_steps) {
            pipeline.any("what became of a message", sql, given);
        }
        let events: Vec<NewEvent> = std::mem::take(&mut self.events);
        if !events.is_empty() {
            let given = columns!(
                events,
                |event| event.session,
                event.seq,
                event.at,
                event.task.clone(),
                event.kind,
                event.changes.clone(),
                event.body.clone()
            );
            pipeline.exactly(events.len(), "an event", EVENTS, given);
            let logged: Vec<(i64, i64)> = self
                .sessions
                .values_mut()
                .filter_map(|session| std::mem::take(&mut session.logged).then_some((session.no, session.last_seq)))
                .collect();
            let given = columns!(logged, |(no, last)| *no, *last);
            pipeline.exactly(logged.len(), "the last number of a log", LAST_EVENTS, given);
        }
        let wakes: Vec<(i64, NewWake)> = std::mem::take(&mut self.wakes);
        if !wakes.is_empty() {
            let mut causes = Vec::with_capacity(wakes.len());
            for (_, wake) in &wakes {
                causes.push(encode("a wake", &wake.cause)?);
            }
            let mut given = columns!(
                wakes,
                |(session, wake)| *session,
                wake.task_id.to_string(),
                i64::from(wake.attempt),
                wake.cause.key()
            );
            given.push(Box::new(causes));
            given.extend(columns!(wakes, |(_, wake)| wake.text.clone(), millis(wake.at)));
            pipeline.any("a wake", WAKES, given);
        }
        self.bytes = 0;
        Ok(pipeline)
    }

    fn drain_sessions(&mut self, pipeline: &mut Pipeline) -> Result<(), StoreError> {
        let mut changed = Vec::new();
        for session in self.sessions.values_mut().filter(|session| session.changed) {
            session.changed = false;
            if let Some(Ok(record)) = &session.record {
                changed.push((session.no, record.clone(), encode("a session", record)?));
            }
        }
        if !changed.is_empty() {
            let owner_task = |owner: &taskwright_registry::SessionOwner| owner.task_id.as_ref().map(TaskId::to_string);
            let given = columns!(
                changed,
                |(no, record, text)| *no,
                record.state.as_str(),
                text.clone(),
                record.is_ending(),
                record.owner.as_ref().map(|owner| owner.session_id.to_string()),
                record.owner.as_ref().and_then(owner_task)
            );
            pipeline.exactly(changed.len(), "a session", SESSIONS, given);
        }
        Ok(())
    }

    fn drain_tasks(&mut self, pipeline: &mut Pipeline) {
        let order = std::mem::take(&mut self.order);
        let waiting = || order.iter().filter_map(|id| self.tasks.get(id)?.as_ref()).filter(|known| known.waits);
        let made: Vec<&KnownTask> = waiting().filter(|known| known.stored.is_none()).collect();
        if !made.is_empty() {
            let session = |task: &Task| self.sessions.get(&task.session_id).map_or(0, |session| session.no);
            let given = columns!(
                made,
                |KnownTask { task, text, spec, .. }| task.id.to_string(),
                session(task),
                big(task.version),
                task.state.as_str(),
                task.dispatch.phase.as_str(),
                due_at(task),
                host_id(task),
                host_epoch(task),
                task.kind.clone(),
                task.name.clone(),
                task.idempotency_key.clone(),
                task.parent.task_id.clone(),
                task.parent.run_id.clone(),
                i16::from(Hidden::rank(task)),
                text.clone(),
                task.external_ends_at().map(millis),
                task.finished_at.map(millis),
                task.dispatch.code.clone(),
                task.external_cancel_waits(),
                spec.clone(),
                i16::from(task.priority.rank())
            );
            pipeline.exactly(made.len(), "a task", NEW_TASKS, given);
        }
        let changed: Vec<(u64, &KnownTask)> = waiting().filter_map(|known| Some((known.stored?, known))).collect();
        if !changed.is_empty() {
            let given = columns!(
                changed,
                |(before, KnownTask { task, text, .. })| task.id.to_string(),
                big(*before),
                big(task.version),
                text.clone(),
                task.state.as_str(),
                task.dispatch.phase.as_str(),
                due_at(task),
                host_id(task),
                host_epoch(task),
                task.finished_at.map(millis),
                task.dispatch.code.clone(),
                task.external_ends_at().map(millis),
                task.external_cancel_waits(),
                i16::from(Hidden::rank(task))
            );
            pipeline.exactly(changed.len(), "a task", TASKS, given);
        }
        for id in &order {
            if let Some(Some(known)) = self.tasks.get_mut(id) {
                known.stored = Some(known.task.version);
                known.waits = false;
                known.text = None;
            }
        }
    }
}

fn due_at(task: &Task) -> Option<i64> {
    due_key::key(task)
}

fn host_id(task: &Task) -> Option<String> {
    task.dispatch.host.as_ref().map(|host| host.id.as_str().to_owned())
}

fn host_epoch(task: &Task) -> Option<i64> {
    task.dispatch.host.as_ref().map(|host| big(host.epoch))
}
