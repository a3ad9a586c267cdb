//! What is due, and handing it out: what many hosts ask for most often, each in one statement however many kinds they have.
//! Does not choose: the verb does.

use std::collections::{HashMap, HashSet};

use taskwright_registry::{SessionId, Task, TaskId, Timestamp};
use tokio_postgres::Row;

use super::decode::{big, get, many, number, text};
use super::rows::{Given, PgRows};
use crate::column::{of_id, rank};
use crate::due_key;
use crate::due_rows::DueRows;
use crate::offer::offered;
use crate::turns::DueTask;
use crate::unreadable::Read;
use crate::{Backlog, KindOffer, StoreError, UnreadableKind, UnreadableRow};

/// The kinds of a claim with their codes, where `''` stands for none.
fn pairs(kinds: &[KindOffer]) -> (Vec<&str>, Vec<&str>) {
    offered(kinds).map(|(kind, code)| (kind, code.unwrap_or_default())).unzip()
}

/// Ranges as two arrays.
fn ranges(ranges: [due_key::Range; 2]) -> (Vec<i64>, Vec<i64>) {
    ranges.into_iter().unzip()
}

fn due_task(row: &Row) -> Result<DueTask, StoreError> {
    // A priority that there is none of makes its own record unreadable, when its turn comes.
    let (session, priority) = (text(row, 3)?.parse().map_err(of_id)?, rank(get::<i16>(row, 5)?.into()));
    let (place, turn, kind) = (number(row, 1)?, number(row, 2)?, text(row, 4)?);
    let due_at = due_key::time_of(get(row, 0)?);
    Ok(DueTask { priority: priority.unwrap_or_default(), due_at, place, turn, session, kind })
}

impl DueRows for PgRows {
    async fn turn_of(&mut self, session: &SessionId) -> Result<Option<u64>, StoreError> {
        self.one("SELECT no FROM sessions WHERE id = $1", &[&session.as_str()], |row| number(row, 0)).await
    }

    async fn due(&mut self, kinds: &[KindOffer], now: Timestamp, limit: usize) -> Result<Vec<DueTask>, StoreError> {
        let sql = "SELECT due.due_at, due.no, due.session, s.id, o.kind, due.priority
                   FROM unnest($1::text[], $2::text[]) AS o(kind, code)
                   CROSS JOIN unnest($3::bigint[], $4::bigint[]) AS r(first, last)
                   CROSS JOIN LATERAL (
                       SELECT due_at, no, session, priority FROM tasks t
                       WHERE t.kind = o.kind AND coalesce(t.code, '') = o.code
                           AND t.due_at >= r.first AND t.due_at <= r.last
                       ORDER BY t.due_at, t.no LIMIT $5) AS due
                   JOIN sessions s ON s.no = due.session";
        let (kinds, codes) = pairs(kinds);
        let (first, last) = ranges(due_key::due(now));
        let mut due = self.all(sql, &[&kinds, &codes, &first, &last, &many(limit)], due_task).await?;
        due.sort_unstable();
        due.dedup();
        due.truncate(limit);
        Ok(due)
    }

    async fn round(
        &mut self,
        kinds: &[KindOffer],
        after: Option<u64>,
        now: Timestamp,
        sessions: usize,
        each: usize,
    ) -> Result<Vec<DueTask>, StoreError> {
        // One step of the index for each session, however many tasks each has.
        let sql = "WITH RECURSIVE turn (session, place) AS (
                       SELECT (SELECT min(first.session) FROM unnest($1::text[], $2::text[]) AS o(kind, code)
                               CROSS JOIN LATERAL (
                                   SELECT session FROM tasks t
                                   WHERE t.kind = o.kind AND coalesce(t.code, '') = o.code AND t.session > $3
                                       AND t.due_at IS NOT NULL
                                   ORDER BY t.session LIMIT 1) AS first), 1::bigint
                       UNION ALL
                       SELECT (SELECT min(next.session) FROM unnest($1::text[], $2::text[]) AS o(kind, code)
                               CROSS JOIN LATERAL (
                                   SELECT session FROM tasks t
                                   WHERE t.kind = o.kind AND coalesce(t.code, '') = o.code AND t.session > turn.session
                                       AND t.due_at IS NOT NULL
                                   ORDER BY t.session LIMIT 1) AS next), turn.place + 1
                       FROM turn WHERE turn.session IS NOT NULL AND turn.place < $5)
                   SELECT due.due_at, due.no, turn.session, s.id, o.kind, p.priority
                   FROM turn JOIN sessions s ON s.no = turn.session
                   CROSS JOIN unnest($1::text[], $2::text[]) AS o(kind, code)
                   CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint)) AS p(priority)
                   CROSS JOIN unnest($4::bigint[], $7::bigint[]) AS r(first, last)
                   CROSS JOIN LATERAL (
                       SELECT due_at, no FROM tasks t
                       WHERE t.kind = o.kind AND coalesce(t.code, '') = o.code AND t.session = turn.session
                           AND t.priority = p.priority AND t.due_at >= r.first AND t.due_at <= r.last
                       ORDER BY t.due_at, t.no LIMIT $6) AS due";
        let (kinds, codes) = pairs(kinds);
        let ((low, high), each) = (ranges(due_key::due(now)), many(each));
        let first = after.map_or(-1, big);
        let given: [Given<'_>; 7] = [&kinds, &codes, &first, &low, &many(sessions), &each, &high];
        let mut due = self.all(sql, &given, due_task).await?;
        let served: HashSet<u64> = due.iter().map(|task| task.turn).collect();
        if let Some(after) = after.filter(|_| served.len() < sessions) {
            let given: [Given<'_>; 7] = [&kinds, &codes, &-1i64, &low, &many(sessions - served.len()), &each, &high];
            let around = self.all(sql, &given, due_task).await?;
            due.extend(around.into_iter().filter(|task| task.turn <= after));
        }
        Ok(due)
    }

    async fn at_places(&mut self, due: &[DueTask]) -> Result<Vec<Read<Task>>, StoreError> {
        let lock = "SELECT id, no, last_seq, record FROM sessions WHERE no = ANY($1) ORDER BY id
                    FOR NO KEY UPDATE SKIP LOCKED";
        let read = "SELECT t.id, t.record, s.spec, t.priority, t.no FROM tasks t LEFT JOIN specs s ON s.task = t.no WHERE t.no = ANY($1)";
        let sessions: HashSet<i64> = due.iter().map(|task| big(task.turn)).collect();
        let sessions: Vec<i64> = sessions.into_iter().collect();
        // Who has locked one session waits for no other: two claims would wait for each other.
        let locked = self.rows(lock, &[&sessions]).await?;
        self.know_sessions(&locked)?;
        let locked: HashSet<i64> = self.unit.sessions.values().map(|session| session.no).collect();
        if let Some(task) = due.iter().find(|task| !locked.contains(&big(task.turn))) {
            let id = self.one("SELECT id FROM tasks WHERE no = $1", &[&big(task.place)], |row| text(row, 0)).await?;
            let id = id.map(|id| id.parse().map_err(of_id)).transpose()?;
            self.busy = id.map(|id| (task.session.clone(), id));
        }
        let free: Vec<i64> =
            due.iter().filter(|task| locked.contains(&big(task.turn))).map(|task| big(task.place)).collect();
        if free.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.rows(read, &[&free]).await?;
        self.know_tasks(&rows)?;
        let mut by_place = HashMap::with_capacity(rows.len());
        for row in &rows {
            let id: TaskId = text(row, 0)?.parse().map_err(of_id)?;
            let place = number(row, 4)?;
            if let Some(reason) = self.unit.unreadable.get(&id)
                && let Some(task) = due.iter().find(|task| task.place == place)
            {
                let row = UnreadableRow::of_task(UnreadableKind::Task, &task.session, &id, reason);
                by_place.insert(place, Err(row));
                continue;
            }
            // It may have moved before its session was locked.
            let known = self.unit.task(&id).filter(|known| self.unit.sessions.contains_key(&known.task.session_id));
            if let Some(known) = known {
                by_place.insert(place, Ok(known.task.clone()));
            }
        }
        Ok(due.iter().filter_map(|task| by_place.remove(&task.place)).collect())
    }

    async fn hold_kinds(&mut self, kinds: &[&str]) -> Result<(), StoreError> {
        // In one order. The schema's name keeps the stores of one server apart.
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ':kind:' || k.kind, 0))
                   FROM (SELECT kind FROM unnest($1::text[]) AS n(kind) ORDER BY kind) AS k";
        self.rows(sql, &[&kinds]).await?;
        Ok(())
    }

    async fn at_work_of(&mut self, kind: &str, most: usize) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM
                       (SELECT 1 FROM tasks WHERE kind = $1 AND phase = 'resident' AND state = 'running' LIMIT $2) AS t";
        let count = self.one(sql, &[&kind, &many(most)], |row| number(row, 0)).await?.unwrap_or_default();
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    async fn at_work_in(&mut self, turns: &[u64]) -> Result<HashMap<u64, usize>, StoreError> {
        let sql = "SELECT session, count(*) FROM tasks
                   WHERE session = ANY($1) AND phase = 'resident' AND state = 'running' GROUP BY session";
        let turns: Vec<i64> = turns.iter().map(|turn| big(*turn)).collect();
        let counted = self.all(sql, &[&turns], |row| Ok((number(row, 0)?, number(row, 1)?))).await?;
        Ok(counted.into_iter().map(|(turn, count)| (turn, usize::try_from(count).unwrap_or(usize::MAX))).collect())
    }

    async fn next_due(
        &mut self,
        kinds: &[KindOffer],
        after: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT next.due_at FROM unnest($1::text[], $2::text[]) AS o(kind, code)
                   CROSS JOIN unnest($3::bigint[], $4::bigint[]) AS r(first, last)
                   CROSS JOIN LATERAL (
                       SELECT due_at FROM tasks t
                       WHERE t.kind = o.kind AND coalesce(t.code, '') = o.code
                           AND t.due_at >= r.first AND t.due_at <= r.last
                       ORDER BY t.due_at, t.no LIMIT 1) AS next";
        let (kinds, codes) = pairs(kinds);
        let (first, last) = ranges(due_key::later(after));
        let next = self.all(sql, &[&kinds, &codes, &first, &last], |row| Ok(due_key::time_of(get(row, 0)?))).await?;
        Ok(next.into_iter().min())
    }

    async fn backlog(&mut self, kinds: &[KindOffer], now: Timestamp) -> Result<Vec<Backlog>, StoreError> {
        let sql = "SELECT o.kind, coalesce(sum(due.tasks), 0)::bigint, min(due.oldest)
                   FROM unnest($1::text[], $2::text[]) AS o(kind, code)
                   CROSS JOIN unnest($3::bigint[], $4::bigint[]) AS r(first, last)
                   CROSS JOIN LATERAL (
                       SELECT count(*) AS tasks, min(due_at) AS oldest FROM (
                           SELECT due_at FROM tasks t
                           WHERE t.kind = o.kind AND coalesce(t.code, '') = o.code
                               AND t.due_at >= r.first AND t.due_at <= r.last
                           ORDER BY t.due_at, t.no LIMIT $5) AS first) AS due
                   GROUP BY o.kind, r.first";
        let (names, codes) = pairs(kinds);
        let (first, last) = ranges(due_key::due(now));
        let of_ranges = self
            .all(sql, &[&names, &codes, &first, &last, &big(Backlog::COUNTED)], |row| {
                let oldest = get::<Option<i64>>(row, 2)?.map(due_key::time_of);
                Ok((text(row, 0)?, number(row, 1)?, oldest))
            })
            .await?;
        let mut counted: HashMap<String, (u64, Option<Timestamp>)> = HashMap::new();
        for (kind, due, oldest) in of_ranges {
            let known = counted.entry(kind).or_default();
            *known = (known.0 + due, known.1.into_iter().chain(oldest).min());
        }
        let of = |offer: &KindOffer| {
            let (due, oldest) = counted.get(&offer.kind).copied().unwrap_or_default();
            Ok(Backlog { kind: offer.kind.clone(), due: due.min(Backlog::COUNTED), oldest })
        };
        kinds.iter().map(of).collect()
    }
}
