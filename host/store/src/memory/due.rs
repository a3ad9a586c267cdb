//! What is due, and what is at work, of the tables in memory.
//! Does not choose: the verb does.

use std::collections::HashMap;

use taskwright_registry::{SessionId, Task, TaskId, Timestamp};

use super::rows::MemoryRows;
use crate::due_rows::DueRows;
use crate::turns::{DueTask, go_round};
use crate::unreadable::Read;
use crate::{Backlog, KindOffer, StoreError};

impl MemoryRows<'_> {
    fn due_tasks(&self, due: Vec<(Timestamp, u64, TaskId)>) -> Vec<DueTask> {
        let due_task = |(due_at, place, id): (Timestamp, u64, TaskId)| {
            let task = &self.tables.tasks.get(&id)?.task;
            let turn = self.tables.index.turn_of(&task.session_id)?;
            let (session, kind) = (task.session_id.clone(), task.kind.clone());
            Some(DueTask { priority: task.priority, due_at, place, turn, session, kind })
        };
        due.into_iter().filter_map(due_task).collect()
    }
}

impl DueRows for MemoryRows<'_> {
    async fn due(&mut self, kinds: &[KindOffer], now: Timestamp, limit: usize) -> Result<Vec<DueTask>, StoreError> {
        Ok(self.due_tasks(self.tables.index.due(kinds, now, limit)))
    }

    async fn round(
        &mut self,
        kinds: &[KindOffer],
        after: Option<u64>,
        now: Timestamp,
        sessions: usize,
        each: usize,
    ) -> Result<Vec<DueTask>, StoreError> {
        let index = &self.tables.index;
        let due = |turn| Ok(self.due_tasks(index.due_in_turn(turn, kinds, now, each)));
        go_round(after, sessions, |turn| Ok(index.next_turn(kinds, turn)), due)
    }

    async fn turn_of(&mut self, session: &SessionId) -> Result<Option<u64>, StoreError> {
        Ok(self.tables.index.turn_of(session))
    }

    async fn at_places(&mut self, due: &[DueTask]) -> Result<Vec<Read<Task>>, StoreError> {
        let record = |task: &DueTask| {
            let id = self.tables.index.at_place(task.place)?;
            Some(Ok(self.tables.tasks.get(id)?.task.clone()))
        };
        Ok(due.iter().filter_map(record).collect())
    }

    async fn hold_kinds(&mut self, _kinds: &[&str]) -> Result<(), StoreError> {
        // One verb runs at a time.
        Ok(())
    }

    async fn at_work_of(&mut self, kind: &str, most: usize) -> Result<usize, StoreError> {
        Ok(self.tables.index.at_work_of(kind).min(most))
    }

    async fn at_work_in(&mut self, turns: &[u64]) -> Result<HashMap<u64, usize>, StoreError> {
        Ok(self.tables.index.at_work_in(turns))
    }

    async fn next_due(
        &mut self,
        kinds: &[KindOffer],
        after: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables.index.next_due(kinds, after))
    }

    async fn backlog(&mut self, kinds: &[KindOffer], now: Timestamp) -> Result<Vec<Backlog>, StoreError> {
        Ok(self.tables.index.backlog(kinds, now))
    }
}
