//! A store in memory: for tests, and for hosts that may forget everything when they end.
//! Does not survive its process, and is not shared with another.

mod due;
mod external;
mod index;
mod listing;
mod repair;
mod rows;
mod session_index;
mod sessions;
mod tables;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::FutureExt;
use serde_json::Value;
use taskwright_registry::{
    CancelEffect, Fence, HostRef, Lease, LeaseLength, Message, MessageId, NewChild, NewMessage, NewTask, SessionId,
    Task, TaskId, TaskUpdate, Timestamp, Wake,
};
use tokio::sync::broadcast;

use crate::clock::{self, Clock, LeaseClock, LeaseTime};
use crate::store::CHANGES_KEPT;
use crate::{
    Backlog, Change, ClaimRequest, Claimed, ClaimedWakes, CodeInUse, Created, EventPage, FinishedPage, FinishedPlace,
    HostStatus, KindOffer, LapsedPage, MessagePage, Page, Reaped, RecordedMessage, Store, StoreError, TaskPage,
    TaskQuery, WokenPage, verbs,
};
use rows::MemoryRows;
use tables::Tables;

/// A store in memory. Clones share their content.
#[derive(Clone)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    changes: broadcast::Sender<Change>,
    clock: Clock,
    lease_clock: LeaseClock,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(clock::system_clock())
    }

    /// An empty store with a clock of its own.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Self {
        Self::with_clocks(clock, clock::process_clock())
    }

    /// An empty store with clocks of its own for what records say and for leases.
    #[must_use]
    pub fn with_clocks(clock: Clock, lease_clock: LeaseClock) -> Self {
        Self { tables: Arc::default(), changes: broadcast::channel(CHANGES_KEPT).0, clock, lease_clock }
    }

    fn lease_time(&self) -> LeaseTime {
        (self.lease_clock)()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A verb that panicked had not begun to write: verbs decide first.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one verb alone on the tables, then announces what it changed.
    fn transact<T>(
        &self,
        verb: impl AsyncFnOnce(&mut MemoryRows<'_>, Timestamp) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tables = self.lock();
        let mut rows = MemoryRows::new(&mut tables);
        let now = clock::read(&self.clock);
        let outcome = verb(&mut rows, now).now_or_never().expect("rows in memory are always ready");
        rows.into_announced().tell(&self.changes);
        outcome
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn now(&self) -> Timestamp {
        clock::read(&self.clock)
    }

    async fn create(&self, new: NewTask) -> Result<Created, StoreError> {
        self.transact(async |rows, now| verbs::create(rows, new, now).await)
    }

    async fn create_child(&self, session: &SessionId, parent: &TaskId, new: NewChild) -> Result<Created, StoreError> {
        self.transact(async |rows, now| verbs::create_child(rows, session, parent, new, now).await)
    }

    async fn get(&self, session: &SessionId, id: &TaskId) -> Result<Task, StoreError> {
        self.transact(async |rows, _| {
            let task = verbs::get(rows, session, id).await?;
            Ok(rows.complete(task))
        })
    }

    async fn list(&self, session: &SessionId, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        self.transact(async |rows, _| {
            let page = verbs::list(rows, session, query).await?;
            let tasks = page.tasks.into_iter().map(|task| rows.complete(task)).collect();
            Ok(TaskPage { tasks, ..page })
        })
    }

    async fn update(&self, session: &SessionId, id: &TaskId, update: TaskUpdate) -> Result<Task, StoreError> {
        self.transact(async |rows, now| {
            let task = verbs::update(rows, session, id, update, now).await?;
            Ok(rows.complete(task))
        })
    }

    async fn request_cancel(
        &self,
        session: &SessionId,
        id: &TaskId,
        reason: Option<String>,
    ) -> Result<(Task, CancelEffect), StoreError> {
        self.transact(async |rows, now| {
            let (task, effect) = verbs::request_cancel(rows, session, id, reason.as_deref(), now).await?;
            Ok((rows.complete(task), effect))
        })
    }

    async fn record_message(
        &self,
        session: &SessionId,
        id: &TaskId,
        message: NewMessage,
    ) -> Result<RecordedMessage, StoreError> {
        self.transact(async |rows, now| {
            let recorded = verbs::record_message(rows, session, id, message, now).await?;
            Ok(RecordedMessage { task: rows.complete(recorded.task), ..recorded })
        })
    }

    async fn messages(
        &self,
        session: &SessionId,
        id: &TaskId,
        page: &MessagePage,
    ) -> Result<Page<Message>, StoreError> {
        self.transact(async |rows, _| verbs::messages(rows, session, id, page).await)
    }

    async fn unread(&self, session: &SessionId, id: &TaskId, limit: usize) -> Result<Page<Message>, StoreError> {
        self.transact(async |rows, _| verbs::unread(rows, session, id, limit).await)
    }

    async fn mark_delivered(
        &self,
        session: &SessionId,
        id: &TaskId,
        fence: Fence,
        message: &MessageId,
    ) -> Result<(), StoreError> {
        self.transact(async |rows, now| verbs::mark_delivered(rows, session, id, fence, message, now).await)
    }

    async fn checkpoint(&self, session: &SessionId, id: &TaskId) -> Result<Option<Vec<u8>>, StoreError> {
        self.transact(async |rows, _| verbs::checkpoint(rows, session, id).await)
    }

    async fn result(&self, session: &SessionId, id: &TaskId) -> Result<Option<Value>, StoreError> {
        self.transact(async |rows, _| verbs::result(rows, session, id).await)
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>, StoreError> {
        self.transact(async |rows, now| {
            let claimed = verbs::claim(rows, request, now, &self.lease_time()).await?;
            Ok(claimed.into_iter().map(|one| rows.complete_claimed(one)).collect())
        })
    }

    async fn held_by(&self, host: &HostRef) -> Result<Vec<Claimed>, StoreError> {
        self.transact(async |rows, _| {
            let held = verbs::held_by(rows, host).await?;
            Ok(held.into_iter().map(|one| rows.complete_claimed(one)).collect())
        })
    }

    async fn open_lease(&self, host: &HostRef, length: LeaseLength) -> Result<Lease, StoreError> {
        self.transact(async |rows, now| verbs::open_lease(rows, host, length, now, &self.lease_time()).await)
    }

    async fn renew_lease(&self, host: &HostRef) -> Result<(), StoreError> {
        self.transact(async |rows, now| verbs::renew_lease(rows, host, now, &self.lease_time()).await)
    }

    async fn close_lease(&self, host: &HostRef) -> Result<(), StoreError> {
        self.transact(async |rows, _| verbs::close_lease(rows, host).await)
    }

    async fn hosts(&self) -> Result<Vec<HostStatus>, StoreError> {
        self.transact(async |rows, _| verbs::hosts(rows, &self.lease_time()).await)
    }

    async fn lapsed(&self, after: u64, limit: usize) -> Result<LapsedPage, StoreError> {
        self.transact(async |rows, _| verbs::lapsed(rows, after, limit, &self.lease_time()).await)
    }

    async fn reap(&self, session: &SessionId, id: &TaskId, crash_limit: u32) -> Result<Reaped, StoreError> {
        self.transact(async |rows, now| {
            let reaped = verbs::reap(rows, session, id, crash_limit, now, &self.lease_time()).await?;
            Ok(match reaped {
                Reaped::Reattached(task) => Reaped::Reattached(rows.complete(task)),
                Reaped::Ended(task) => Reaped::Ended(rows.complete(task)),
                Reaped::Untouched => Reaped::Untouched,
            })
        })
    }

    async fn sweep_leases(&self) -> Result<usize, StoreError> {
        self.transact(async |rows, _| verbs::sweep_leases(rows, &self.lease_time()).await)
    }

    async fn finished(
        &self,
        before: Timestamp,
        after: Option<FinishedPlace>,
        limit: usize,
    ) -> Result<FinishedPage, StoreError> {
        self.transact(async |rows, _| verbs::finished(rows, before, after, limit).await)
    }

    async fn forget(&self, session: &SessionId, id: &TaskId, before: Timestamp) -> Result<bool, StoreError> {
        self.transact(async |rows, _| verbs::forget(rows, session, id, before).await)
    }

    async fn trim_log(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.transact(async |rows, _| verbs::trim_log(rows, before, limit).await)
    }

    async fn code_in_use(&self) -> Result<Vec<CodeInUse>, StoreError> {
        self.transact(async |rows, _| verbs::code_in_use(rows).await)
    }

    async fn next_due(&self, kinds: &[KindOffer], after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        self.transact(async |rows, _| verbs::next_due(rows, kinds, after).await)
    }

    async fn backlog(&self, kinds: &[KindOffer]) -> Result<Vec<Backlog>, StoreError> {
        self.transact(async |rows, now| verbs::backlog(rows, kinds, now).await)
    }

    async fn events(&self, session: &SessionId, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        self.transact(async |rows, _| verbs::events(rows, session, after, limit).await)
    }

    async fn wakes(&self, session: &SessionId, limit: usize) -> Result<Page<Wake>, StoreError> {
        self.transact(async |rows, _| verbs::wakes(rows, session, limit).await)
    }

    async fn sessions_with_wakes(&self, after: Option<u64>, limit: usize) -> Result<WokenPage, StoreError> {
        self.transact(async |rows, _| verbs::sessions_with_wakes(rows, after, limit).await)
    }

    async fn claim_wakes(&self, session: &SessionId, host: &HostRef, limit: usize) -> Result<ClaimedWakes, StoreError> {
        self.transact(async |rows, _| verbs::claim_wakes(rows, session, host, limit, &self.lease_time()).await)
    }

    async fn release_wakes(&self, session: &SessionId, host: &HostRef) -> Result<(), StoreError> {
        self.transact(async |rows, _| verbs::release_wakes(rows, session, host).await)
    }

    async fn acknowledge_wakes(&self, session: &SessionId, ids: &[u64]) -> Result<usize, StoreError> {
        self.transact(async |rows, now| verbs::acknowledge_wakes(rows, session, ids, now).await)
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}
