//! The contract that every store keeps.
//! Does not say how: the conformance suite checks that they all do.

use async_trait::async_trait;
use serde_json::Value;
use taskwright_registry::{
    CancelEffect, Fence, HostRef, Message, MessageId, NewMessage, NewTask, SessionId, Task, TaskId, TaskUpdate,
    Timestamp, Wake,
};
use tokio::sync::broadcast;

use crate::{EventPage, MessagePage, StoreError, TaskPage, TaskQuery};

/// What a creation gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The record as it is stored.
    pub task: Task,
    /// Whether this call created it; false if the same creation had been made before.
    pub fresh: bool,
}

/// What recording a message gave.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedMessage {
    /// The message as it is stored.
    pub message: Message,
    /// The task after it.
    pub task: Task,
    /// Whether it answered the open question and resumed the task.
    pub answered: bool,
}

/// A wish for work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Who claims.
    pub host: HostRef,
    /// Which kinds it can run.
    pub kinds: Vec<String>,
    /// Only this task, for a host that was started for one.
    pub only: Option<TaskId>,
    /// How many at most.
    pub limit: usize,
}

/// A task that now belongs to the claiming host.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The record after the claim; its `fence()` is what every write of the instance must carry.
    pub task: Task,
    /// Whether the task was hibernating, so that `reconcile` is due and not `start`.
    pub resumed: bool,
    /// The newest accepted checkpoint.
    pub checkpoint: Option<Vec<u8>>,
    /// The messages that no instance has taken yet, oldest first.
    pub unread: Vec<Message>,
}

/// Says that something was committed, so that nobody has to poll within a process. It says what to read, not what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This task, or what belongs to it, changed.
    Task {
        /// Its session.
        session_id: SessionId,
        /// The task.
        task_id: TaskId,
        /// When the task wants to be claimed, if no instance holds it: what a dispatcher has to look at. `None` while it is
        /// resident, over, or waits for a message.
        due_at: Option<Timestamp>,
    },
    /// Another process wrote; anything may have changed.
    Elsewhere,
}

/// Keeps records, messages, events and wakes.
///
/// **Durable on return**: when a method returns `Ok`, everything it has done would survive the loss of the process and, for
/// stores on disk, of power. A change, its events and its wakes are one transaction: a reader sees all or nothing.
///
/// **Errors**: every error but `Unknown` means that nothing has happened. After `Unknown` the caller must read before it
/// writes again; fenced updates and creations may simply be repeated, since the fence, the id and the idempotency key
/// make a repetition harmless.
///
/// **Order**: what one caller has been told is done is seen by every later call of anybody.
///
/// **Scope**: a task of another session is answered exactly like one that does not exist (L23).
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The store's clock, in whole milliseconds. All times in records come from it.
    fn now(&self) -> Timestamp;

    /// Creates a task, or finds the one that the same creation made before.
    ///
    /// # Errors
    /// `Conflict` if the id or key stands for a different creation (also of another session, about which it reveals
    /// nothing else), `NameTaken`, `Rejected`.
    async fn create(&self, new: NewTask) -> Result<Created, StoreError>;

    /// Reads one task. The cost does not grow with history.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get(&self, session: &SessionId, id: &TaskId) -> Result<Task, StoreError>;

    /// Lists tasks of a session.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn list(&self, session: &SessionId, query: &TaskQuery) -> Result<TaskPage, StoreError>;

    /// Changes a task by the core's rules and returns the record after it. An update that changes nothing writes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Rejected` with the core's reason.
    async fn update(&self, session: &SessionId, id: &TaskId, update: TaskUpdate) -> Result<Task, StoreError>;

    /// Notes that the session wants the task to end.
    ///
    /// # Errors
    /// `NotFound`, `Rejected`.
    async fn request_cancel(
        &self,
        session: &SessionId,
        id: &TaskId,
        reason: Option<String>,
    ) -> Result<(Task, CancelEffect), StoreError>;

    /// Stores a message; an answer and the resumption of its task are one transaction. The same message id again is the
    /// same message, whoever sends it and whatever has become of the task: nothing is written, and the stored one is
    /// returned with the task as it is now.
    ///
    /// # Errors
    /// `NotFound`, `Rejected`; `Conflict` if the message's id stands for a different message.
    async fn record_message(
        &self,
        session: &SessionId,
        id: &TaskId,
        message: NewMessage,
    ) -> Result<RecordedMessage, StoreError>;

    /// Reads messages, oldest first. An unknown task has none.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn messages(&self, session: &SessionId, id: &TaskId, page: &MessagePage) -> Result<Vec<Message>, StoreError>;

    /// Inbound messages that no instance has taken yet, oldest first, at most `limit`. An unknown task has none.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn unread(&self, session: &SessionId, id: &TaskId, limit: usize) -> Result<Vec<Message>, StoreError>;

    /// Notes that the instance behind `fence` has taken a message. Idempotent.
    ///
    /// # Errors
    /// `NotFound`; `Rejected(Superseded)`; `Rejected(Invalid)` for a message that the task does not have.
    async fn mark_delivered(
        &self,
        session: &SessionId,
        id: &TaskId,
        fence: Fence,
        message: &MessageId,
    ) -> Result<(), StoreError>;

    /// The newest accepted checkpoint.
    ///
    /// # Errors
    /// `NotFound`.
    async fn checkpoint(&self, session: &SessionId, id: &TaskId) -> Result<Option<Vec<u8>>, StoreError>;

    /// The result of a task, if it left one.
    ///
    /// # Errors
    /// `NotFound`.
    async fn result(&self, session: &SessionId, id: &TaskId) -> Result<Option<Value>, StoreError>;

    /// Claims tasks that are due, of any session, the longest due first, at most 500. Two hosts never get the same claim.
    ///
    /// # Errors
    /// Only those of the store itself. After `Unknown`, tasks may be held by the host without its knowing:
    /// `held_by` finds them.
    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>, StoreError>;

    /// The resident tasks of a host, as `claim` would have returned them.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn held_by(&self, host: &HostRef) -> Result<Vec<Claimed>, StoreError>;

    /// When the next task of these kinds is due, if any is; in the past if one is due now.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn next_due(&self, kinds: &[String]) -> Result<Option<Timestamp>, StoreError>;

    /// Reads a session's log after a cursor (0 for the beginning), at most `limit` (clamped to 1..=1,000).
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn events(&self, session: &SessionId, after: u64, limit: usize) -> Result<EventPage, StoreError>;

    /// The wakes of a session that have not been acknowledged, oldest first, at most `limit` (clamped to 1..=1,000).
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn wakes(&self, session: &SessionId, limit: usize) -> Result<Vec<Wake>, StoreError>;

    /// Acknowledges wakes of a session; unknown and foreign ids are passed over. Returns how many there were.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn acknowledge_wakes(&self, session: &SessionId, ids: &[u64]) -> Result<usize, StoreError>;

    /// Hears of every commit from now on. A receiver that lags is told so and must read anew.
    fn changes(&self) -> broadcast::Receiver<Change>;
}
