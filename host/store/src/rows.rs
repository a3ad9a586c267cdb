//! What a store must be able to read and write, row by row, so that the verbs can be written once for all stores.
//! Does not decide anything: no method looks at a state, a fence or a policy.
//!
//! Records travel without their specification, which never changes and can be large: `find_spec` reads it.

use serde_json::Value;
use taskwright_registry::{
    Event, EventBody, HostId, HostRef, LeaseLength, Message, MessageId, SessionId, SessionRecord, SessionState, Task,
    TaskId, Timestamp, Wake, WakeCause,
};

use crate::column::of_row;
use crate::due_rows::DueRows;
use crate::salvage::StoredTask;
use crate::unreadable::Read;
use crate::{
    Change, CodeInUse, FinishedPlace, LeaseTime, Order, StoreError, TaskFilter, UnreadableKind, UnreadableRow,
};

/// Whether an instance has taken a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Not yet, or it came back.
    No,
    /// It is in the memory of the instance alone.
    Held,
    /// For good.
    Settled,
}

impl Taken {
    /// How a column has it.
    pub(crate) fn number(self) -> i16 {
        match self {
            Taken::No => 0,
            Taken::Settled => 1,
            Taken::Held => 2,
        }
    }

    /// What a column says.
    pub(crate) fn from_number(number: i16) -> Result<Self, StoreError> {
        match number {
            0 => Ok(Taken::No),
            1 => Ok(Taken::Settled),
            2 => Ok(Taken::Held),
            other => Err(of_row("a message", format!("`taken` is {other}"))),
        }
    }
}

/// A message with what the store knows about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredMessage {
    /// The message.
    pub(crate) message: Message,
    /// Whether an instance has taken it.
    pub(crate) taken: Taken,
    /// Whether it answered a question.
    pub(crate) answered: bool,
}

/// A wake that is to be written, unless there is one for the same session, task, attempt and cause.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewWake {
    pub(crate) session_id: SessionId,
    pub(crate) task_id: TaskId,
    pub(crate) attempt: u32,
    pub(crate) cause: WakeCause,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

/// A host's lease as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseRow {
    pub(crate) host: HostRef,
    pub(crate) length: LeaseLength,
    /// The era in which it was last renewed.
    pub(crate) era: String,
    /// When it is over, in that era.
    pub(crate) until_millis: u64,
    /// Whether somebody has begun to take over, or the holder has given it up: it can never be renewed again.
    pub(crate) taken: bool,
    /// For people: leases are not judged by the time of day.
    pub(crate) opened_at: Timestamp,
    /// For people.
    pub(crate) renewed_at: Timestamp,
}

impl LeaseRow {
    /// A lease that is renewed now.
    pub(crate) fn new(host: HostRef, length: LeaseLength, now: Timestamp, clock: &LeaseTime) -> Self {
        let until_millis = clock.millis.saturating_add(length.millis());
        Self { host, length, era: clock.era.to_string(), until_millis, taken: false, opened_at: now, renewed_at: now }
    }

    /// Whether its holder's tasks may be taken over.
    pub(crate) fn ended(&self, clock: &LeaseTime) -> bool {
        self.taken || *self.era != *clock.era || self.until_millis <= clock.millis
    }
}

/// Rows out.
pub(crate) trait Rows: DueRows {
    /// A session.
    ///
    /// Here and below, `Unreadable` is the error for a row that is asked for by its name and cannot be read. Lists of rows give such a
    /// one its place instead.
    async fn find_session(&mut self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError>;
    /// Sessions by id, of these states or of all, behind `after`.
    async fn sessions_after(
        &mut self,
        states: &[SessionState],
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<Read<SessionRecord>>, StoreError>;
    /// Sessions that are closing, or that are to be deleted, by id.
    async fn sessions_to_end(&mut self, limit: usize) -> Result<Vec<Read<SessionRecord>>, StoreError>;
    /// Sessions that were opened on behalf of a task.
    async fn sessions_opened_by(
        &mut self,
        session: &SessionId,
        task: &TaskId,
    ) -> Result<Vec<Read<SessionRecord>>, StoreError>;
    /// Live tasks of a session with their places in order of creation, behind one of them.
    async fn live_after(
        &mut self,
        session: &SessionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Read<Task>)>, StoreError>;
    /// Whether nothing may begin under a lineage of a session any more.
    async fn is_canceled_lineage(&mut self, session: &SessionId, lineage: &str) -> Result<bool, StoreError>;
    /// A record, whosever it is.
    async fn find_task(&mut self, id: &TaskId) -> Result<Option<Task>, StoreError>;
    /// The text of a session's record, whether or not it can be read.
    async fn session_text(&mut self, id: &SessionId) -> Result<Option<String>, StoreError>;
    /// The columns of a task, whether or not its record can be read.
    async fn find_stored(&mut self, id: &TaskId) -> Result<Option<StoredTask>, StoreError>;
    /// Any tasks of a session, by their columns only.
    async fn ids_of(&mut self, session: &SessionId, limit: usize) -> Result<Vec<TaskId>, StoreError>;
    /// Messages of a task with their places, by acceptance, behind a place in that order.
    async fn messages_from(
        &mut self,
        task: &TaskId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Read<Message>)>, StoreError>;
    /// Looks at the rows of one sort behind a place, at most `limit`: their places, with those that cannot be read.
    async fn scan(
        &mut self,
        what: UnreadableKind,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Option<UnreadableRow>)>, StoreError>;
    /// How many tasks were ever removed.
    async fn forgotten(&mut self) -> Result<u64, StoreError>;
    /// The session of a task.
    async fn owner(&mut self, id: &TaskId) -> Result<Option<SessionId>, StoreError>;
    /// The specification of a task that exists.
    async fn find_spec(&mut self, id: &TaskId) -> Result<Value, StoreError>;
    /// The result of a task.
    async fn find_result(&mut self, id: &TaskId) -> Result<Option<Value>, StoreError>;
    /// The checkpoint of a task.
    async fn find_checkpoint(&mut self, id: &TaskId) -> Result<Option<Vec<u8>>, StoreError>;
    /// The task that was created with a key.
    async fn find_by_key(&mut self, session: &SessionId, key: &str) -> Result<Option<TaskId>, StoreError>;
    /// The live task of a name.
    async fn find_live_name(&mut self, session: &SessionId, name: &str) -> Result<Option<TaskId>, StoreError>;
    /// Tasks of a session, by creation, behind `after` (which is one of them), at most `limit`.
    async fn tasks_of(
        &mut self,
        session: &SessionId,
        filter: &TaskFilter,
        order: Order,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Read<Task>>, StoreError>;
    /// How many live tasks there are by kind and code, in that order.
    async fn code_in_use(&mut self) -> Result<Vec<CodeInUse>, StoreError>;
    /// The resident tasks of a host, by creation.
    async fn resident(&mut self, host: &HostRef) -> Result<Vec<Read<Task>>, StoreError>;
    /// How many resident tasks a host has.
    async fn resident_count(&mut self, host: &HostRef) -> Result<u64, StoreError>;
    /// The resident tasks of a host, by creation, behind a place in that order.
    async fn resident_after(
        &mut self,
        host: &HostRef,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, (SessionId, TaskId))>, StoreError>;
    /// Tasks whose work is done elsewhere and whose cancel waits to be told, by creation, behind a place in that order.
    async fn external_cancels_after(&mut self, after: u64, limit: usize) -> Result<Vec<(u64, Read<Task>)>, StoreError>;
    /// Tasks whose work is done elsewhere and that a host was to end by now, by the time of that.
    async fn external_overdue(&mut self, now: Timestamp, limit: usize) -> Result<Vec<(SessionId, TaskId)>, StoreError>;
    /// A lease.
    async fn find_lease(&mut self, host: &HostRef) -> Result<Option<LeaseRow>, StoreError>;
    /// All leases of a host, by epoch.
    async fn leases_of(&mut self, host: &HostId) -> Result<Vec<LeaseRow>, StoreError>;
    /// All leases; there are as many as hosts, not as tasks.
    async fn leases(&mut self) -> Result<Vec<LeaseRow>, StoreError>;
    /// Finished tasks without children, by their end, that ended before `before`, behind a place in that order.
    async fn finished_before(
        &mut self,
        before: Timestamp,
        after: Option<FinishedPlace>,
        limit: usize,
    ) -> Result<Vec<(FinishedPlace, (SessionId, TaskId))>, StoreError>;
    /// Whether a task of the session names this one as its parent.
    async fn has_children(&mut self, session: &SessionId, id: &TaskId) -> Result<bool, StoreError>;
    /// A message, whosever it is.
    async fn find_message(&mut self, id: &MessageId) -> Result<Option<StoredMessage>, StoreError>;
    /// Messages of a task behind `after` (which is one of them), oldest first.
    async fn messages_after(
        &mut self,
        task: &TaskId,
        after: &MessageId,
        limit: usize,
    ) -> Result<Vec<Read<Message>>, StoreError>;
    /// The latest messages of a task, oldest first.
    async fn latest_messages(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Read<Message>>, StoreError>;
    /// Inbound messages of a task that no instance has taken, oldest first.
    async fn unread(&mut self, task: &TaskId, limit: usize) -> Result<Vec<Read<Message>>, StoreError>;
    /// Events behind a sequence number, in order.
    async fn events_after(&mut self, session: &SessionId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError>;
    /// The first sequence number that a session still has; one more than the last if it has no events.
    async fn first_seq(&mut self, session: &SessionId) -> Result<u64, StoreError>;
    /// The last sequence number of a session, 0 if it has none.
    async fn last_seq(&mut self, session: &SessionId) -> Result<u64, StoreError>;
    /// Wakes that have not been acknowledged, oldest first.
    async fn pending_wakes(&mut self, session: &SessionId, limit: usize) -> Result<Vec<Read<Wake>>, StoreError>;
    /// Which host delivers the wakes of a session, if one does.
    async fn wake_claim(&mut self, session: &SessionId) -> Result<Option<HostRef>, StoreError>;
    /// Sessions with wakes that have not been acknowledged, by a place that each of them keeps, behind one.
    async fn woken_sessions(&mut self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, SessionId)>, StoreError>;
}

/// Rows in. All that one verb writes becomes visible and durable together, or not at all.
pub(crate) trait Transaction: Rows {
    /// Writes a session, or replaces it.
    async fn put_session(&mut self, session: &SessionRecord) -> Result<(), StoreError>;
    /// Removes a session that has no task and no event any more, with its wakes and what is remembered of its lineages.
    async fn delete_session(&mut self, id: &SessionId) -> Result<(), StoreError>;
    /// Removes the oldest events of one session, and says how many.
    async fn delete_events_of(&mut self, session: &SessionId, limit: usize) -> Result<usize, StoreError>;
    /// Remembers that nothing may begin under a lineage of a session any more.
    async fn put_canceled_lineage(
        &mut self,
        session: &SessionId,
        lineage: &str,
        at: Timestamp,
    ) -> Result<(), StoreError>;
    /// Replaces exactly the row that has `before`'s id and version by one of another session, and takes the wakes of the task
    /// along that nobody has acknowledged.
    async fn move_task(&mut self, before: &Task, after: &Task) -> Result<(), StoreError>;
    /// Writes a new record with its specification.
    async fn insert_task(&mut self, task: &Task) -> Result<(), StoreError>;
    /// Replaces exactly the row that has `before`'s id and version.
    async fn put_task(&mut self, before: &Task, after: &Task) -> Result<(), StoreError>;
    /// Has a task that cannot be read wait until then before it is looked at again, by its columns alone.
    async fn postpone(&mut self, id: &TaskId, until: Timestamp) -> Result<(), StoreError>;
    /// Replaces a specification that cannot be read, or is missing, by `null`.
    async fn clear_spec(&mut self, id: &TaskId) -> Result<(), StoreError>;
    /// Writes what a record says of its priority into the column beside it, which has no other way to change.
    async fn put_priority(&mut self, task: &Task) -> Result<(), StoreError>;
    /// Replaces the result.
    async fn put_result(&mut self, id: &TaskId, result: Value) -> Result<(), StoreError>;
    /// Replaces the checkpoint.
    async fn put_checkpoint(&mut self, id: &TaskId, checkpoint: Vec<u8>) -> Result<(), StoreError>;
    /// Writes a message that no instance has taken.
    async fn insert_message(&mut self, message: &Message, answered: bool) -> Result<(), StoreError>;
    /// Notes whether an instance has taken a message.
    async fn take_message(&mut self, id: &MessageId, taken: Taken) -> Result<(), StoreError>;
    /// Notes what has become of the messages of a task that are held.
    async fn release_held(&mut self, task: &TaskId, into: Taken) -> Result<(), StoreError>;
    /// Gives an event the next number of its session.
    async fn append_event(
        &mut self,
        session: &SessionId,
        task: &TaskId,
        at: Timestamp,
        body: EventBody,
    ) -> Result<(), StoreError>;
    /// Writes a wake, unless there is one for its cause.
    async fn insert_wake(&mut self, wake: NewWake) -> Result<(), StoreError>;
    /// Acknowledges wakes of a session, and says how many there were to acknowledge.
    async fn acknowledge_wakes(&mut self, session: &SessionId, ids: &[u64], at: Timestamp)
    -> Result<usize, StoreError>;
    /// Writes which host delivers the wakes of a session that exists; none removes what was written.
    async fn put_wake_claim(&mut self, session: &SessionId, host: Option<&HostRef>) -> Result<(), StoreError>;
    /// Writes a lease, or replaces the one of the same host and epoch.
    async fn put_lease(&mut self, lease: &LeaseRow) -> Result<(), StoreError>;
    /// Removes a lease.
    async fn delete_lease(&mut self, host: &HostRef) -> Result<(), StoreError>;
    /// Removes a task with all that lies beside its record: specification, result, checkpoint, messages, wakes. Counts it as
    /// forgotten.
    async fn delete_task(&mut self, session: &SessionId, id: &TaskId) -> Result<(), StoreError>;
    /// Removes the oldest events of all sessions, up to the first that is not older than `before`.
    async fn delete_oldest_events(&mut self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;
    /// What to announce once all is committed.
    fn announce(&mut self, change: Change);
}
