//! The contract that every store keeps.
//! Does not say how: the conformance suite checks that they all do.

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskwright_registry::{
    CancelEffect, Fence, HostRef, Lease, LeaseLength, Message, MessageId, NewChild, NewMessage, NewTask, SessionId,
    Task, TaskId, TaskUpdate, Timestamp, Wake,
};
use tokio::sync::broadcast;

use crate::{
    Backlog, ClaimedWakes, CodeInUse, EventPage, ExternalWork, FinishedPage, FinishedPlace, HostStatus, KindOffer,
    LapsedPage, MessagePage, Page, Reaped, Repair, Sessions, SharedLimits, StoreError, TaskPage, TaskQuery, Turns,
    WokenPage,
};

/// How many changes a receiver may lag behind before it is told that it missed some.
pub(crate) const CHANGES_KEPT: usize = 4_096;

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
    /// Which kinds it can run, with which code.
    pub kinds: Vec<KindOffer>,
    /// Only this task, for a host that was started for one.
    pub only: Option<TaskId>,
    /// How many at most.
    pub limit: usize,
    /// How they are shared out between sessions; not for a claim of one task.
    pub turns: Turns,
    /// What holds for all hosts together.
    pub shared: SharedLimits,
}

impl ClaimRequest {
    /// A wish for so many tasks of any session, of which none is held back.
    #[must_use]
    pub fn new(host: HostRef, kinds: Vec<KindOffer>, limit: usize) -> Self {
        Self { host, kinds, only: None, limit, turns: Turns::default(), shared: SharedLimits::default() }
    }

    /// A wish for one task.
    #[must_use]
    pub fn only(host: HostRef, kinds: Vec<KindOffer>, task: TaskId) -> Self {
        Self { only: Some(task), ..Self::new(host, kinds, 1) }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// This task, or what belongs to it, changed.
    Task {
        /// Its session.
        session_id: SessionId,
        /// The task.
        task_id: TaskId,
        /// When the task wants to be claimed, if no instance holds it: what a dispatcher has to look at. The beginning of Unix time
        /// for one that is wanted at once. `None` while it is resident, over, or waits for a message.
        due_at: Option<Timestamp>,
    },
    /// A wake was written for this session, or one may be given out that could not be before.
    Woken {
        /// The session.
        session_id: SessionId,
    },
    /// The session itself changed: it was opened, suspended, resumed, closed or deleted.
    Session {
        /// Which.
        session_id: SessionId,
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
pub trait Store: Sessions + ExternalWork + Repair {
    /// The store's clock, in whole milliseconds. All times in records come from it.
    fn now(&self) -> Timestamp;

    /// Creates a task, or finds the one that the same creation made before.
    ///
    /// # Errors
    /// `Conflict` if the id or key stands for a different creation (also of another session, about which it reveals
    /// nothing else), `NameTaken`, `Rejected`.
    async fn create(&self, new: NewTask) -> Result<Created, StoreError>;

    /// Begins a child of a task for one of its instances, or finds the child that the same call has begun (L41). Fence, phase,
    /// cancel and numbers are looked at in the transaction that creates the child.
    ///
    /// # Errors
    /// `NotFound` for the parent; `Rejected` with `Superseded`, `Terminal`, `OutOfPhase`, `Canceling`, `TooManyChildren`, or for
    /// the child's own content; `Conflict` if the call has begun a child of another kind or specification; `NameTaken`.
    async fn create_child(&self, session: &SessionId, parent: &TaskId, new: NewChild) -> Result<Created, StoreError>;

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

    /// Reads messages, oldest first. An unknown task has none. Without a cursor `more` are earlier ones.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn messages(&self, session: &SessionId, id: &TaskId, page: &MessagePage)
    -> Result<Page<Message>, StoreError>;

    /// Inbound messages that no instance has taken yet, oldest first, at most `limit` (clamped to 1..=1,000). An unknown task has
    /// none.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn unread(&self, session: &SessionId, id: &TaskId, limit: usize) -> Result<Page<Message>, StoreError>;

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
    /// `LeaseLost` if the host holds no lease. After `Unknown`, tasks may be held by the host without its knowing:
    /// `held_by` finds them.
    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>, StoreError>;

    /// The resident tasks of a host, as `claim` would have returned them.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn held_by(&self, host: &HostRef) -> Result<Vec<Claimed>, StoreError>;

    /// Begins a host's lease, which makes its earlier epochs' ones over. The host draws its id at random when it starts and
    /// counts its epochs from 1. The same call again finds the lease that the first has made.
    ///
    /// An executor that lives elsewhere does the same, with a lease for the one task that it claims.
    ///
    /// # Errors
    /// `LeaseLost` if the host has had this epoch or a later one.
    async fn open_lease(&self, host: &HostRef, length: LeaseLength) -> Result<Lease, StoreError>;

    /// Renews a lease: it lasts for its length from a moment between this call and its return.
    ///
    /// # Errors
    /// `LeaseLost` if a task of the host has been taken over, or the lease was closed: its instances have no say any more.
    async fn renew_lease(&self, host: &HostRef) -> Result<(), StoreError>;

    /// Gives a lease up. What the host still holds may be taken over at once. Closing it again, or one that never was,
    /// does nothing.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn close_lease(&self, host: &HostRef) -> Result<(), StoreError>;

    /// The hosts that have a lease, and those that had one and left tasks behind.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn hosts(&self) -> Result<Vec<HostStatus>, StoreError>;

    /// Resident tasks whose host's lease is over, in the order of their creation, behind a place in that order (0 for the
    /// beginning), at most `limit` (clamped to 1..=1,000). Costs a look at the leases and at what is found, however many
    /// tasks are alive.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn lapsed(&self, after: u64, limit: usize) -> Result<LapsedPage, StoreError>;

    /// Takes over one task if its host's lease is over: it gets its next attempt or ends as orphaned, as the core says
    /// (L36). Several reapers may try; one succeeds.
    ///
    /// # Errors
    /// `NotFound`, `Rejected`.
    async fn reap(&self, session: &SessionId, id: &TaskId, crash_limit: u32) -> Result<Reaped, StoreError>;

    /// Forgets leases that are over and whose hosts have left nothing behind. Returns how many.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn sweep_leases(&self) -> Result<usize, StoreError>;

    /// Tasks that were over before `before` and have no children that are still known, by their end, behind a place in
    /// that order, at most `limit` (clamped to 1..=1,000).
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn finished(
        &self,
        before: Timestamp,
        after: Option<FinishedPlace>,
        limit: usize,
    ) -> Result<FinishedPage, StoreError>;

    /// Forgets a task that was over before `before`, with its messages, its result, its checkpoint and its wakes. Says
    /// whether it did: not a live task, nor one with children, nor one that is forgotten already. Its events stay in the
    /// log until `trim_log` takes them.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn forget(&self, session: &SessionId, id: &TaskId, before: Timestamp) -> Result<bool, StoreError>;

    /// Takes away the oldest events, of all sessions, up to the first that is not older than `before`, at most `limit`
    /// (clamped to 1..=5,000), or more where a store drops many at once for the price of one. Returns how many. What is left of each
    /// log keeps its numbers and has no gap.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn trim_log(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Which code the live tasks of all sessions go on with, by kind. What is not in it, no task needs any more.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn code_in_use(&self) -> Result<Vec<CodeInUse>, StoreError>;

    /// When the next task is due that a claim with these kinds could hand out, if any is: the smallest due time that is
    /// later than `after`, or of all.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn next_due(&self, kinds: &[KindOffer], after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError>;

    /// How much is due of each of these kinds, in their order. Costs a look at what is due, up to `Backlog::COUNTED` for each
    /// code of each kind.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn backlog(&self, kinds: &[KindOffer]) -> Result<Vec<Backlog>, StoreError>;

    /// Reads a session's log after a cursor (0 for the beginning), at most `limit` (clamped to 1..=1,000).
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn events(&self, session: &SessionId, after: u64, limit: usize) -> Result<EventPage, StoreError>;

    /// The wakes of a session that have not been acknowledged, oldest first, at most `limit` (clamped to 1..=1,000). None while
    /// it is suspended (L47).
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn wakes(&self, session: &SessionId, limit: usize) -> Result<Page<Wake>, StoreError>;

    /// The sessions of this store that have wakes which are not acknowledged, behind a place in an order that stays, at most
    /// `limit` (clamped to 1..=1,000). Costs a look at each of these sessions, however many wakes there were. Suspended ones are
    /// left out, so that a page which is not the last may be short.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn sessions_with_wakes(&self, after: Option<u64>, limit: usize) -> Result<WokenPage, StoreError>;

    /// Claims the delivery of a session's wakes for a host, and reads those that have not been acknowledged, oldest first, at
    /// most `limit` (clamped to 1..=1,000). Of several hosts one gets them, and keeps the claim until it releases it or its
    /// lease is over. `wakes` and `acknowledge_wakes` look at no claim.
    ///
    /// # Errors
    /// `LeaseLost` if the host holds no lease.
    async fn claim_wakes(&self, session: &SessionId, host: &HostRef, limit: usize) -> Result<ClaimedWakes, StoreError>;

    /// Gives up a claim of `claim_wakes`, so that another host may deliver. Without one it does nothing.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn release_wakes(&self, session: &SessionId, host: &HostRef) -> Result<(), StoreError>;

    /// Acknowledges wakes of a session; unknown and foreign ids are passed over. Returns how many there were.
    ///
    /// # Errors
    /// Only those of the store itself.
    async fn acknowledge_wakes(&self, session: &SessionId, ids: &[u64]) -> Result<usize, StoreError>;

    /// The files of this machine that the records are in, also those that are there only at times. They are kept from guests,
    /// whatever those are granted. None for a store that is elsewhere, or in memory.
    fn local_paths(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Hears of every commit from now on. A receiver that lags is told so and must read anew.
    fn changes(&self) -> broadcast::Receiver<Change>;
}
