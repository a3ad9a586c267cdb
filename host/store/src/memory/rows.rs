//! Rows of the tables in memory.
//! Does not roll back: verbs decide before they write, and writing to memory does not fail.

use serde_json::Value;
use taskwright_registry::{
    Direction, Event, EventBody, HostRef, Message, MessageId, SessionId, Task, TaskId, Timestamp, Wake,
};

use super::tables::{Tables, TaskRow};
use crate::rows::{NewWake, Rows, StoredMessage, Transaction};
use crate::{Change, Claimed, Order, StoreError, TaskFilter};

/// The tables, for the length of one verb.
pub(super) struct MemoryRows<'a> {
    tables: &'a mut Tables,
    announced: Vec<Change>,
}

impl<'a> MemoryRows<'a> {
    pub(super) fn new(tables: &'a mut Tables) -> Self {
        Self { tables, announced: Vec::new() }
    }

    pub(super) fn into_announced(self) -> Vec<Change> {
        self.announced
    }

    /// The record with its specification.
    pub(super) fn complete(&self, task: Task) -> Task {
        let spec = self.tables.tasks.get(&task.id).map(|row| row.spec.clone()).unwrap_or_default();
        Task { spec, ..task }
    }

    pub(super) fn complete_claimed(&self, claimed: Claimed) -> Claimed {
        Claimed { task: self.complete(claimed.task), ..claimed }
    }

    fn row(&mut self, id: &TaskId) -> Result<&mut TaskRow, StoreError> {
        self.tables.tasks.get_mut(id).ok_or_else(|| StoreError::Corrupt { reason: format!("{id} has no row") })
    }

    fn records(&self, ids: Vec<TaskId>) -> Vec<Task> {
        ids.iter().filter_map(|id| self.tables.tasks.get(id)).map(|row| row.task.clone()).collect()
    }

    fn messages_of<'b>(&'b self, task: &TaskId) -> impl DoubleEndedIterator<Item = &'b StoredMessage> + use<'b> {
        let ids = self.tables.tasks.get(task).map_or(&[][..], |row| &row.messages);
        ids.iter().filter_map(|id| self.tables.messages.get(id)).map(|(_, stored)| stored)
    }
}

impl Rows for MemoryRows<'_> {
    async fn find_task(&mut self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        Ok(self.tables.tasks.get(id).map(|row| row.task.clone()))
    }

    async fn owner(&mut self, id: &TaskId) -> Result<Option<SessionId>, StoreError> {
        Ok(self.tables.tasks.get(id).map(|row| row.task.session_id.clone()))
    }

    async fn find_spec(&mut self, id: &TaskId) -> Result<Value, StoreError> {
        Ok(self.row(id)?.spec.clone())
    }

    async fn find_result(&mut self, id: &TaskId) -> Result<Option<Value>, StoreError> {
        Ok(self.row(id)?.result.clone())
    }

    async fn find_checkpoint(&mut self, id: &TaskId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.row(id)?.checkpoint.clone())
    }

    async fn find_by_key(&mut self, session: &SessionId, key: &str) -> Result<Option<TaskId>, StoreError> {
        Ok(self.tables.index.by_key(session, key))
    }

    async fn find_live_name(&mut self, session: &SessionId, name: &str) -> Result<Option<TaskId>, StoreError> {
        Ok(self.tables.index.by_live_name(session, name))
    }

    async fn tasks_of(
        &mut self,
        session: &SessionId,
        filter: &TaskFilter,
        order: Order,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>, StoreError> {
        let after = match after {
            Some(id) => Some(self.row(id)?.place),
            None => None,
        };
        let Some(row) = self.tables.sessions.get(session) else {
            return Ok(Vec::new());
        };
        let admitted = |(_, id): (&u64, &TaskId)| {
            self.tables.tasks.get(id).map(|row| &row.task).filter(|task| filter.admits(task)).cloned()
        };
        Ok(match order {
            Order::OldestFirst => {
                row.tasks.range(after.map_or(0, |place| place + 1)..).filter_map(admitted).take(limit).collect()
            }
            Order::NewestFirst => {
                row.tasks.range(..after.unwrap_or(u64::MAX)).rev().filter_map(admitted).take(limit).collect()
            }
        })
    }

    async fn due(&mut self, kinds: &[String], now: Timestamp, limit: usize) -> Result<Vec<Task>, StoreError> {
        Ok(self.records(self.tables.index.due(kinds, now, limit)))
    }

    async fn next_due(&mut self, kinds: &[String]) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables.index.next_due(kinds))
    }

    async fn resident(&mut self, host: &HostRef) -> Result<Vec<Task>, StoreError> {
        Ok(self.records(self.tables.index.resident(host)))
    }

    async fn find_message(&mut self, id: &MessageId) -> Result<Option<StoredMessage>, StoreError> {
        Ok(self.tables.messages.get(id).map(|(_, stored)| stored.clone()))
    }

    async fn messages_after(
        &mut self,
        task: &TaskId,
        after: &MessageId,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let place = self.tables.messages.get(after).map_or(usize::MAX, |(place, _)| *place);
        Ok(self.messages_of(task).skip(place.saturating_add(1)).take(limit).map(|s| s.message.clone()).collect())
    }

    async fn latest_messages(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Message>, StoreError> {
        let mut latest: Vec<Message> = self.messages_of(task).rev().take(limit).map(|s| s.message.clone()).collect();
        latest.reverse();
        Ok(latest)
    }

    async fn unread(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Message>, StoreError> {
        let waiting = |stored: &&StoredMessage| !stored.taken && stored.message.direction == Direction::Inbound;
        Ok(self.messages_of(task).filter(waiting).take(limit).map(|s| s.message.clone()).collect())
    }

    async fn events_after(&mut self, session: &SessionId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let from = usize::try_from(after).unwrap_or(usize::MAX);
        let events = self.tables.sessions.get(session).map_or(&[][..], |row| &row.events);
        Ok(events.iter().skip(from).take(limit).cloned().collect())
    }

    async fn last_seq(&mut self, session: &SessionId) -> Result<u64, StoreError> {
        Ok(self.tables.sessions.get(session).map_or(0, |row| row.events.len() as u64))
    }

    async fn pending_wakes(&mut self, session: &SessionId, limit: usize) -> Result<Vec<Wake>, StoreError> {
        Ok(self
            .tables
            .sessions
            .get(session)
            .into_iter()
            .flat_map(|row| row.wakes.values())
            .take(limit)
            .cloned()
            .collect())
    }
}

impl Transaction for MemoryRows<'_> {
    async fn insert_task(&mut self, task: &Task) -> Result<(), StoreError> {
        self.tables.last_place += 1;
        let place = self.tables.last_place;
        let row = TaskRow {
            task: task.snapshot(),
            place,
            spec: task.spec.clone(),
            result: None,
            checkpoint: None,
            messages: Vec::new(),
        };
        self.tables.index.learn(&row.task, place);
        self.tables.tasks.insert(task.id.clone(), row);
        self.tables.sessions.entry(task.session_id.clone()).or_default().tasks.insert(place, task.id.clone());
        Ok(())
    }

    async fn put_task(&mut self, before: &Task, after: &Task) -> Result<(), StoreError> {
        let row = self.row(&before.id)?;
        if row.task.version != before.version {
            let reason = format!("{} changed under the lock", before.id);
            return Err(StoreError::Corrupt { reason });
        }
        let place = row.place;
        row.task = after.snapshot();
        self.tables.index.forget(before, place);
        self.tables.index.learn(after, place);
        Ok(())
    }

    async fn put_result(&mut self, id: &TaskId, result: Value) -> Result<(), StoreError> {
        self.row(id)?.result = Some(result);
        Ok(())
    }

    async fn put_checkpoint(&mut self, id: &TaskId, checkpoint: Vec<u8>) -> Result<(), StoreError> {
        self.row(id)?.checkpoint = Some(checkpoint);
        Ok(())
    }

    async fn insert_message(&mut self, message: &Message, answered: bool) -> Result<(), StoreError> {
        let row = self.row(&message.task_id)?;
        let place = row.messages.len();
        row.messages.push(message.id.clone());
        let stored = StoredMessage { message: message.clone(), taken: false, answered };
        self.tables.messages.insert(message.id.clone(), (place, stored));
        Ok(())
    }

    async fn take_message(&mut self, id: &MessageId) -> Result<(), StoreError> {
        if let Some((_, stored)) = self.tables.messages.get_mut(id) {
            stored.taken = true;
        }
        Ok(())
    }

    async fn append_event(
        &mut self,
        session: &SessionId,
        task: &TaskId,
        at: Timestamp,
        body: EventBody,
    ) -> Result<(), StoreError> {
        let events = &mut self.tables.sessions.entry(session.clone()).or_default().events;
        let seq = events.len() as u64 + 1;
        events.push(Event { session_id: session.clone(), seq, task_id: task.clone(), at, body });
        Ok(())
    }

    async fn insert_wake(&mut self, wake: NewWake) -> Result<(), StoreError> {
        let NewWake { session_id, task_id, attempt, cause, text, at } = wake;
        if !self.tables.wake_causes.insert((task_id.clone(), attempt, cause.key())) {
            return Ok(());
        }
        self.tables.last_wake += 1;
        let id = self.tables.last_wake;
        let wakes = &mut self.tables.sessions.entry(session_id.clone()).or_default().wakes;
        wakes.insert(id, Wake { id, session_id, task_id, attempt, cause, text, created_at: at });
        Ok(())
    }

    async fn acknowledge_wake(&mut self, session: &SessionId, id: u64, _at: Timestamp) -> Result<bool, StoreError> {
        Ok(self.tables.sessions.get_mut(session).is_some_and(|row| row.wakes.remove(&id).is_some()))
    }

    fn announce(&mut self, change: Change) {
        self.announced.push(change);
    }
}
