//! Rows of the tables in memory.
//! Does not roll back: verbs decide before they write, and writing to memory does not fail.

use std::ops::Bound;

use serde_json::Value;
use taskwright_registry::{
    Direction, Event, EventBody, HostId, HostRef, Message, MessageId, SessionId, SessionRecord, SessionState, Task,
    TaskId, Timestamp, Wake,
};

use super::tables::{SessionRow, Tables, TaskRow};
use crate::committed::Committed;
use crate::rows::{LeaseRow, NewWake, Rows, StoredMessage, Taken, Transaction};
use crate::salvage::StoredTask;
use crate::unreadable::Read;
use crate::{Change, Claimed, CodeInUse, FinishedPlace, Order, StoreError, TaskFilter, UnreadableKind, UnreadableRow};

/// The tables, for the length of one verb.
pub(super) struct MemoryRows<'a> {
    pub(super) tables: &'a mut Tables,
    announced: Committed,
}

impl<'a> MemoryRows<'a> {
    pub(super) fn new(tables: &'a mut Tables) -> Self {
        Self { tables, announced: Committed::default() }
    }

    pub(super) fn into_announced(self) -> Committed {
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

    /// Follows whether a session has wakes.
    fn note_wakes(&mut self, session: &SessionId) {
        let turn = self.tables.index.turn(session);
        if self.tables.sessions.get(session).is_some_and(|row| !row.wakes.is_empty()) {
            self.tables.woken.insert(turn, session.clone());
        } else {
            self.tables.woken.remove(&turn);
        }
    }

    fn records(&self, ids: Vec<TaskId>) -> Vec<Task> {
        ids.iter().filter_map(|id| self.tables.tasks.get(id)).map(|row| row.task.clone()).collect()
    }

    fn named(&self, id: &TaskId) -> Option<(SessionId, TaskId)> {
        self.tables.tasks.get(id).map(|row| (row.task.session_id.clone(), id.clone()))
    }

    fn session_records<'b>(&'b self, ids: impl Iterator<Item = &'b SessionId>) -> impl Iterator<Item = SessionRecord> {
        ids.filter_map(|id| self.tables.sessions.get(id)?.record.clone())
    }

    fn messages_of<'b>(&'b self, task: &TaskId) -> impl DoubleEndedIterator<Item = &'b StoredMessage> + use<'b> {
        let ids = self.tables.tasks.get(task).map_or(&[][..], |row| &row.messages);
        ids.iter().filter_map(|id| self.tables.messages.get(id)).map(|(_, stored)| stored)
    }
}

impl Rows for MemoryRows<'_> {
    async fn find_session(&mut self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.tables.sessions.get(id).and_then(|row| row.record.clone()))
    }

    async fn sessions_after(
        &mut self,
        states: &[SessionState],
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<Read<SessionRecord>>, StoreError> {
        if !states.is_empty() {
            return Ok(self
                .session_records(self.tables.session_index.of_states(states, after, limit))
                .map(Ok)
                .collect());
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let sessions = self.tables.sessions.range::<SessionId, _>((from, Bound::Unbounded));
        Ok(sessions.filter_map(|(_, row)| row.record.clone()).take(limit).map(Ok).collect())
    }

    async fn sessions_to_end(&mut self, limit: usize) -> Result<Vec<Read<SessionRecord>>, StoreError> {
        Ok(self.session_records(self.tables.session_index.ending()).take(limit).map(Ok).collect())
    }

    async fn sessions_opened_by(
        &mut self,
        session: &SessionId,
        task: &TaskId,
    ) -> Result<Vec<Read<SessionRecord>>, StoreError> {
        Ok(self.session_records(self.tables.session_index.opened_by(session, task)).map(Ok).collect())
    }

    async fn live_after(
        &mut self,
        session: &SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Read<Task>)>, StoreError> {
        let Some(row) = self.tables.sessions.get(session) else { return Ok(Vec::new()) };
        let live = self.tables.listing.live_after(session, after);
        let task = |place| self.tables.tasks.get(row.tasks.get(&place)?).map(|row| (place, Ok(row.task.clone())));
        Ok(live.filter_map(task).take(limit).collect())
    }

    async fn is_canceled_lineage(&mut self, session: &SessionId, lineage: &str) -> Result<bool, StoreError> {
        Ok(self.tables.sessions.get(session).is_some_and(|row| row.canceled.contains(lineage)))
    }

    async fn find_task(&mut self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        Ok(self.tables.tasks.get(id).map(|row| row.task.clone()))
    }

    async fn session_text(&mut self, id: &SessionId) -> Result<Option<String>, StoreError> {
        // Nothing asks for it: the record can be read.
        Ok(self.tables.sessions.contains_key(id).then(String::new))
    }

    async fn find_stored(&mut self, id: &TaskId) -> Result<Option<StoredTask>, StoreError> {
        Ok(self.tables.tasks.get(id).map(|TaskRow { task, .. }| StoredTask {
            id: task.id.clone(),
            session_id: task.session_id.clone(),
            kind: task.kind.clone(),
            version: task.version,
            state: task.state.as_str().to_owned(),
            finished_at: task.finished_at,
            // Nothing asks for it: the record can be read.
            record: String::new(),
        }))
    }

    async fn ids_of(&mut self, session: &SessionId, limit: usize) -> Result<Vec<TaskId>, StoreError> {
        let row = self.tables.sessions.get(session);
        Ok(row.into_iter().flat_map(|row| row.tasks.values()).take(limit).cloned().collect())
    }

    async fn messages_from(
        &mut self,
        task: &TaskId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Read<Message>)>, StoreError> {
        let numbered = (1..).zip(self.messages_of(task)).filter(|(place, _)| *place > after);
        Ok(numbered.take(limit).map(|(place, stored)| (place, Ok(stored.message.clone()))).collect())
    }

    async fn scan(
        &mut self,
        _what: UnreadableKind,
        _after: u64,
        _limit: usize,
    ) -> Result<Vec<(u64, Option<UnreadableRow>)>, StoreError> {
        // Nothing is encoded here.
        Ok(Vec::new())
    }

    async fn forgotten(&mut self) -> Result<u64, StoreError> {
        Ok(self.tables.forgotten)
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
    ) -> Result<Vec<Read<Task>>, StoreError> {
        let after = match after {
            Some(id) => Some(self.row(id)?.place),
            None => None,
        };
        let Some(row) = self.tables.sessions.get(session) else { return Ok(Vec::new()) };
        let task = |place: u64| self.tables.tasks.get(row.tasks.get(&place)?).map(|row| &row.task);
        let admits = |place| task(place).is_some_and(|task| filter.admits(task));
        let places = self.tables.listing.page(session, filter, order, after, limit, admits);
        Ok(places.into_iter().filter_map(task).cloned().map(Ok).collect())
    }

    async fn code_in_use(&mut self) -> Result<Vec<CodeInUse>, StoreError> {
        Ok(self.tables.index.code_in_use())
    }

    async fn resident(&mut self, host: &HostRef) -> Result<Vec<Read<Task>>, StoreError> {
        Ok(self.records(self.tables.index.resident(host)).into_iter().map(Ok).collect())
    }

    async fn resident_count(&mut self, host: &HostRef) -> Result<u64, StoreError> {
        Ok(self.tables.index.resident_count(host))
    }

    async fn resident_after(
        &mut self,
        host: &HostRef,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, (SessionId, TaskId))>, StoreError> {
        let found = self.tables.index.resident_after(host, after, limit);
        Ok(found.into_iter().filter_map(|(place, id)| Some((place, self.named(&id)?))).collect())
    }

    async fn external_cancels_after(&mut self, after: u64, limit: usize) -> Result<Vec<(u64, Read<Task>)>, StoreError> {
        let mut found = Vec::new();
        for (place, id) in self.tables.index.external_cancels(after, limit) {
            found.extend(self.find_task(&id).await?.map(|task| (place, Ok(task))));
        }
        Ok(found)
    }

    async fn external_overdue(&mut self, now: Timestamp, limit: usize) -> Result<Vec<(SessionId, TaskId)>, StoreError> {
        let found = self.tables.index.external_overdue(now, limit);
        Ok(found.into_iter().filter_map(|id| self.named(&id)).collect())
    }

    async fn find_lease(&mut self, host: &HostRef) -> Result<Option<LeaseRow>, StoreError> {
        Ok(self.tables.leases.get(host).cloned())
    }

    async fn leases_of(&mut self, host: &HostId) -> Result<Vec<LeaseRow>, StoreError> {
        let from = HostRef { id: host.clone(), epoch: 0 };
        let own = self.tables.leases.range(from..).take_while(|(of, _)| of.id == *host);
        Ok(own.map(|(_, lease)| lease.clone()).collect())
    }

    async fn leases(&mut self) -> Result<Vec<LeaseRow>, StoreError> {
        Ok(self.tables.leases.values().cloned().collect())
    }

    async fn finished_before(
        &mut self,
        before: Timestamp,
        after: Option<FinishedPlace>,
        limit: usize,
    ) -> Result<Vec<(FinishedPlace, (SessionId, TaskId))>, StoreError> {
        let index = &self.tables.index;
        let childless = index
            .finished_before(before, after)
            .filter_map(|(place, id)| Some((place, self.named(id)?)))
            .filter(|(_, (session, id))| !index.has_children(session, id));
        Ok(childless.take(limit).collect())
    }

    async fn has_children(&mut self, session: &SessionId, id: &TaskId) -> Result<bool, StoreError> {
        Ok(self.tables.index.has_children(session, id))
    }

    async fn find_message(&mut self, id: &MessageId) -> Result<Option<StoredMessage>, StoreError> {
        Ok(self.tables.messages.get(id).map(|(_, stored)| stored.clone()))
    }

    async fn messages_after(
        &mut self,
        task: &TaskId,
        after: &MessageId,
        limit: usize,
    ) -> Result<Vec<Read<Message>>, StoreError> {
        let place = self.tables.messages.get(after).map_or(usize::MAX, |(place, _)| *place);
        Ok(self.messages_of(task).skip(place.saturating_add(1)).take(limit).map(|s| Ok(s.message.clone())).collect())
    }

    async fn latest_messages(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Read<Message>>, StoreError> {
        let latest = self.messages_of(task).rev().take(limit).map(|s| Ok(s.message.clone()));
        let mut latest: Vec<Read<Message>> = latest.collect();
        latest.reverse();
        Ok(latest)
    }

    async fn unread(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Read<Message>>, StoreError> {
        let waiting =
            |stored: &&StoredMessage| stored.taken == Taken::No && stored.message.direction == Direction::Inbound;
        Ok(self.messages_of(task).filter(waiting).take(limit).map(|s| Ok(s.message.clone())).collect())
    }

    async fn events_after(&mut self, session: &SessionId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let Some(row) = self.tables.sessions.get(session) else {
            return Ok(Vec::new());
        };
        let from = usize::try_from(after.saturating_sub(row.trimmed)).unwrap_or(usize::MAX);
        Ok(row.events.iter().skip(from).take(limit).cloned().collect())
    }

    async fn first_seq(&mut self, session: &SessionId) -> Result<u64, StoreError> {
        Ok(self.tables.sessions.get(session).map_or(1, |row| row.trimmed + 1))
    }

    async fn last_seq(&mut self, session: &SessionId) -> Result<u64, StoreError> {
        Ok(self.tables.sessions.get(session).map_or(0, SessionRow::last_seq))
    }

    async fn pending_wakes(&mut self, session: &SessionId, limit: usize) -> Result<Vec<Read<Wake>>, StoreError> {
        Ok(self
            .tables
            .sessions
            .get(session)
            .into_iter()
            .flat_map(|row| row.wakes.values())
            .take(limit)
            .cloned()
            .map(Ok)
            .collect())
    }

    async fn wake_claim(&mut self, session: &SessionId) -> Result<Option<HostRef>, StoreError> {
        Ok(self.tables.wake_claims.get(session).cloned())
    }

    async fn woken_sessions(&mut self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, SessionId)>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let woken = self.tables.woken.range((from, Bound::Unbounded));
        Ok(woken.take(limit).map(|(turn, session)| (*turn, session.clone())).collect())
    }
}

impl Transaction for MemoryRows<'_> {
    async fn put_session(&mut self, session: &SessionRecord) -> Result<(), StoreError> {
        let row = self.tables.sessions.entry(session.id.clone()).or_default();
        if let Some(before) = row.record.replace(session.clone()) {
            self.tables.session_index.forget(&before);
        }
        self.tables.session_index.learn(session);
        // Its place in the order is that of its beginning, as in the databases.
        self.tables.index.turn(&session.id);
        Ok(())
    }

    async fn delete_session(&mut self, id: &SessionId) -> Result<(), StoreError> {
        if let Some(before) = self.tables.sessions.remove(id).and_then(|row| row.record) {
            self.tables.session_index.forget(&before);
        }
        self.tables.wake_claims.remove(id);
        self.note_wakes(id);
        self.tables.index.forget_session(id);
        Ok(())
    }

    async fn delete_events_of(&mut self, session: &SessionId, limit: usize) -> Result<usize, StoreError> {
        let Some(row) = self.tables.sessions.get_mut(session) else { return Ok(0) };
        let taken = row.events.len().min(limit);
        row.events.drain(..taken);
        row.trimmed += taken as u64;
        let mut left = taken;
        self.tables.log.retain(|(_, of)| {
            let goes = left > 0 && of == session;
            left -= usize::from(goes);
            !goes
        });
        Ok(taken)
    }

    async fn put_canceled_lineage(
        &mut self,
        session: &SessionId,
        lineage: &str,
        _at: Timestamp,
    ) -> Result<(), StoreError> {
        self.tables.sessions.entry(session.clone()).or_default().canceled.insert(lineage.to_owned());
        Ok(())
    }

    async fn move_task(&mut self, before: &Task, after: &Task) -> Result<(), StoreError> {
        let place = self.row(&before.id)?.place;
        self.tables.index.remove(before, place);
        self.tables.listing.forget(before, place);
        self.row(&before.id)?.task = after.snapshot();
        self.tables.index.learn(after, place);
        self.tables.listing.learn(after, place);
        let mut wakes = Vec::new();
        if let Some(left) = self.tables.sessions.get_mut(&before.session_id) {
            left.tasks.remove(&place);
            let of_task = |_: &u64, wake: &mut Wake| wake.task_id == before.id;
            wakes.extend(left.wakes.extract_if(.., of_task));
        }
        let entered = self.tables.sessions.entry(after.session_id.clone()).or_default();
        entered.tasks.insert(place, after.id.clone());
        for (id, wake) in wakes {
            entered.wakes.insert(id, Wake { session_id: after.session_id.clone(), ..wake });
        }
        self.note_wakes(&before.session_id);
        self.note_wakes(&after.session_id);
        Ok(())
    }

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
        self.tables.listing.learn(&row.task, place);
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
        self.tables.listing.follow(before, after, place);
        Ok(())
    }

    async fn postpone(&mut self, _id: &TaskId, _until: Timestamp) -> Result<(), StoreError> {
        // All can be read.
        Ok(())
    }

    async fn clear_spec(&mut self, id: &TaskId) -> Result<(), StoreError> {
        self.row(id)?.spec = Value::Null;
        Ok(())
    }

    async fn put_priority(&mut self, _task: &Task) -> Result<(), StoreError> {
        // There is no column beside a record.
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
        let stored = StoredMessage { message: message.clone(), taken: Taken::No, answered };
        self.tables.messages.insert(message.id.clone(), (place, stored));
        Ok(())
    }

    async fn take_message(&mut self, id: &MessageId, taken: Taken) -> Result<(), StoreError> {
        if let Some((_, stored)) = self.tables.messages.get_mut(id) {
            stored.taken = taken;
        }
        Ok(())
    }

    async fn release_held(&mut self, task: &TaskId, into: Taken) -> Result<(), StoreError> {
        let Tables { tasks, messages, .. } = &mut *self.tables;
        for id in tasks.get(task).map_or(&[][..], |row| &row.messages) {
            if let Some((_, stored)) = messages.get_mut(id).filter(|(_, stored)| stored.taken == Taken::Held) {
                stored.taken = into;
            }
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
        let row = self.tables.sessions.entry(session.clone()).or_default();
        let seq = row.last_seq() + 1;
        self.tables.log.push_back((at, session.clone()));
        self.announced.event(body.type_name());
        row.events.push_back(Event { session_id: session.clone(), seq, task_id: task.clone(), at, body });
        Ok(())
    }

    async fn insert_wake(&mut self, wake: NewWake) -> Result<(), StoreError> {
        let NewWake { session_id, task_id, attempt, cause, text, at } = wake;
        if !self.tables.wake_causes.entry(task_id.clone()).or_default().insert((attempt, cause.key())) {
            return Ok(());
        }
        self.tables.last_wake += 1;
        let id = self.tables.last_wake;
        let wakes = &mut self.tables.sessions.entry(session_id.clone()).or_default().wakes;
        let session = session_id.clone();
        wakes.insert(id, Wake { id, session_id, task_id, attempt, cause, text, created_at: at });
        self.note_wakes(&session);
        Ok(())
    }

    async fn acknowledge_wakes(
        &mut self,
        session: &SessionId,
        ids: &[u64],
        _at: Timestamp,
    ) -> Result<usize, StoreError> {
        let Some(row) = self.tables.sessions.get_mut(session) else { return Ok(0) };
        let acknowledged = ids.iter().filter(|id| row.wakes.remove(id).is_some()).count();
        if acknowledged > 0 {
            self.note_wakes(session);
        }
        Ok(acknowledged)
    }

    async fn put_wake_claim(&mut self, session: &SessionId, host: Option<&HostRef>) -> Result<(), StoreError> {
        match host {
            Some(host) => self.tables.wake_claims.insert(session.clone(), host.clone()),
            None => self.tables.wake_claims.remove(session),
        };
        Ok(())
    }

    async fn put_lease(&mut self, lease: &LeaseRow) -> Result<(), StoreError> {
        self.tables.leases.insert(lease.host.clone(), lease.clone());
        Ok(())
    }

    async fn delete_lease(&mut self, host: &HostRef) -> Result<(), StoreError> {
        self.tables.leases.remove(host);
        Ok(())
    }

    async fn delete_task(&mut self, session: &SessionId, id: &TaskId) -> Result<(), StoreError> {
        let Some(row) = self.tables.tasks.remove(id) else { return Ok(()) };
        self.tables.forgotten += 1;
        self.tables.index.remove(&row.task, row.place);
        self.tables.listing.forget(&row.task, row.place);
        self.tables.wake_causes.remove(id);
        for message in &row.messages {
            self.tables.messages.remove(message);
        }
        if let Some(of) = self.tables.sessions.get_mut(session) {
            of.tasks.remove(&row.place);
            of.wakes.retain(|_, wake| wake.task_id != *id);
        }
        self.note_wakes(session);
        Ok(())
    }

    async fn delete_oldest_events(&mut self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut taken = 0;
        while taken < limit
            && let Some((_, session)) = self.tables.log.pop_front_if(|(at, _)| *at < before)
        {
            if let Some(row) = self.tables.sessions.get_mut(&session) {
                row.events.pop_front();
                row.trimmed += 1;
            }
            taken += 1;
        }
        Ok(taken)
    }

    fn announce(&mut self, change: Change) {
        self.announced.change(change);
    }
}
