//! What is due, and what is at work, in a SQLite database.
//! Does not choose: the verb does.

use std::collections::HashMap;

use rusqlite::{Row, params};
use taskwright_registry::{Priority, SessionId, Task, Timestamp};

use super::failure::of_id;
use super::rows::{SqliteRows, record};
use crate::column::rank;
use crate::due_key;
use crate::due_rows::DueRows;
use crate::offer::offered;
use crate::turns::{DueTask, go_round};
use crate::unreadable::Read;
use crate::{Backlog, KindOffer, StoreError};

fn due_task(row: &Row<'_>) -> Result<DueTask, StoreError> {
    let session = row.get::<_, String>(3)?.parse().map_err(of_id)?;
    // One that there is none of makes its own record unreadable, when its turn comes.
    let priority = rank(row.get(5)?).unwrap_or_default();
    let (due_at, place, turn, kind) = (due_key::time_of(row.get(0)?), row.get(1)?, row.get(2)?, row.get(4)?);
    Ok(DueTask { priority, due_at, place, turn, session, kind })
}

impl SqliteRows<'_> {
    /// The longest due of one session, by its turn.
    pub(super) fn due_in_turn(
        &self,
        turn: u64,
        kinds: &[KindOffer],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueTask>, StoreError> {
        let sql = "SELECT t.due_at, t.no, t.session, s.id, t.kind, t.priority FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.kind = ?1 AND t.code IS ?2 AND t.session = ?3 AND t.priority = ?7 AND t.due_at >= ?4 AND t.due_at <= ?5
                   ORDER BY t.due_at, t.no LIMIT ?6";
        let mut due = Vec::new();
        for (kind, code) in offered(kinds) {
            for priority in Priority::ALL {
                for (first, last) in due_key::due(now) {
                    let given = params![kind, code, turn, first, last, limit, priority.rank()];
                    due.extend(self.all(sql, given, due_task)?);
                }
            }
        }
        Ok(due)
    }

    /// The first turn behind `after`, or of all, in which a task that is offered waits for a time to come or past.
    pub(super) fn next_turn(&self, kinds: &[KindOffer], after: Option<u64>) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT session FROM tasks WHERE kind = ?1 AND code IS ?2 AND session > ?3 AND due_at IS NOT NULL
                   ORDER BY session LIMIT 1";
        let after = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
        let mut next: Option<u64> = None;
        for (kind, code) in offered(kinds) {
            let of_kind = self.one(sql, params![kind, code, after], |row| Ok(row.get(0)?))?;
            next = next.into_iter().chain(of_kind).min();
        }
        Ok(next)
    }
}

impl DueRows for SqliteRows<'_> {
    async fn due(&mut self, kinds: &[KindOffer], now: Timestamp, limit: usize) -> Result<Vec<DueTask>, StoreError> {
        let sql = "SELECT t.due_at, t.no, t.session, s.id, t.kind, t.priority FROM tasks t JOIN sessions s ON s.no = t.session
                   WHERE t.kind = ?1 AND t.code IS ?2 AND t.due_at >= ?3 AND t.due_at <= ?4 ORDER BY t.due_at, t.no LIMIT ?5";
        let mut due = Vec::new();
        for (kind, code) in offered(kinds) {
            for (first, last) in due_key::due(now) {
                due.extend(self.all(sql, params![kind, code, first, last, limit], due_task)?);
            }
        }
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
        go_round(after, sessions, |turn| self.next_turn(kinds, turn), |turn| self.due_in_turn(turn, kinds, now, each))
    }

    async fn turn_of(&mut self, session: &SessionId) -> Result<Option<u64>, StoreError> {
        self.one("SELECT no FROM sessions WHERE id = ?1", [session.as_str()], |row| Ok(row.get(0)?))
    }

    async fn at_places(&mut self, due: &[DueTask]) -> Result<Vec<Read<Task>>, StoreError> {
        let sql = "SELECT record, ?2, id, priority FROM tasks WHERE no = ?1";
        let mut tasks = Vec::with_capacity(due.len());
        for task in due {
            tasks.extend(self.one(sql, params![task.place, task.session.as_str()], |row| record(row, 1))?);
        }
        Ok(tasks)
    }

    async fn hold_kinds(&mut self, _kinds: &[&str]) -> Result<(), StoreError> {
        // One writes at a time.
        Ok(())
    }

    async fn at_work_of(&mut self, kind: &str, most: usize) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM
                       (SELECT 1 FROM tasks WHERE kind = ?1 AND phase = 'resident' AND state = 'running' LIMIT ?2)";
        Ok(self.one(sql, params![kind, most], |row| Ok(row.get(0)?))?.unwrap_or_default())
    }

    async fn at_work_in(&mut self, turns: &[u64]) -> Result<HashMap<u64, usize>, StoreError> {
        let sql = "SELECT count(*) FROM tasks WHERE session = ?1 AND phase = 'resident' AND state = 'running'";
        let mut at_work = HashMap::with_capacity(turns.len());
        for turn in turns {
            let count: Option<usize> = self.one(sql, params![turn], |row| Ok(row.get(0)?))?;
            at_work.insert(*turn, count.unwrap_or_default());
        }
        Ok(at_work)
    }

    async fn next_due(
        &mut self,
        kinds: &[KindOffer],
        after: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(due_at) FROM tasks WHERE kind = ?1 AND code IS ?2 AND due_at >= ?3 AND due_at <= ?4";
        let mut next: Option<Timestamp> = None;
        for (kind, code) in offered(kinds) {
            for (first, last) in due_key::later(after) {
                let due: Option<i64> =
                    self.one(sql, params![kind, code, first, last], |row| Ok(row.get(0)?))?.flatten();
                next = next.into_iter().chain(due.map(due_key::time_of)).min();
            }
        }
        Ok(next)
    }

    async fn backlog(&mut self, kinds: &[KindOffer], now: Timestamp) -> Result<Vec<Backlog>, StoreError> {
        let sql = "SELECT count(*), min(due_at) FROM
                       (SELECT due_at FROM tasks WHERE kind = ?1 AND code IS ?2 AND due_at >= ?3 AND due_at <= ?4 ORDER BY due_at LIMIT ?5)";
        let mut all = Vec::new();
        for offer in kinds {
            let (mut due, mut oldest) = (0u64, None);
            for (kind, code) in offered(std::slice::from_ref(offer)) {
                for (first, last) in due_key::due(now) {
                    let given = params![kind, code, first, last, Backlog::COUNTED];
                    let counted =
                        self.one(sql, given, |row| Ok((row.get::<_, u64>(0)?, row.get::<_, Option<i64>>(1)?)))?;
                    let (count, first) = counted.unwrap_or_default();
                    due += count;
                    oldest = oldest.into_iter().chain(first.map(due_key::time_of)).min();
                }
            }
            all.push(Backlog { kind: offer.kind.clone(), due: due.min(Backlog::COUNTED), oldest });
        }
        Ok(all)
    }
}
