//! A store in one SQLite file: durable at every commit, safe with several processes on the same file.
//! Does not block an asynchronous thread: one thread writes, a few read.

mod backup;
mod close;
mod connect;
#[cfg(test)]
mod cost;
mod due;
mod external;
mod failure;
mod file;
mod identity;
mod lists;
mod migration;
mod options;
#[cfg(test)]
mod plans;
mod readers;
mod repair;
mod rows;
mod schema;
mod sessions;
mod text;
mod write_rows;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};

use async_trait::async_trait;
use futures::FutureExt;
use serde_json::Value;
use taskwright_registry::{
    CancelEffect, Fence, HostRef, Lease, LeaseLength, Message, MessageId, NewChild, NewMessage, NewTask, SessionId,
    Task, TaskId, TaskUpdate, Timestamp, Wake,
};
use tokio::sync::broadcast;

pub use backup::{back_up_sqlite, check_sqlite};
pub(crate) use migration::Source;
pub use options::SqliteOptions;

use crate::clock::{self, Clock, LeaseClock};
use crate::column;
use crate::store::CHANGES_KEPT;
use crate::unreadable::{MISSING, Read, parted, readable};
use crate::{
    Backlog, Change, ClaimRequest, Claimed, ClaimedWakes, CodeInUse, Created, EventPage, FinishedPage, FinishedPlace,
    HostStatus, KindOffer, LapsedPage, MessagePage, Page, Reaped, RecordedMessage, Store, StoreError, TaskPage,
    TaskQuery, UnreadableKind, UnreadableRow, WokenPage, verbs,
};
use identity::Identity;
use readers::Readers;
use rows::SqliteRows;
use writer::{Order, Writer, job};

/// A store in one SQLite file. Clones share its threads, which end with the last clone.
#[derive(Clone)]
pub struct SqliteStore {
    orders: Sender<Order>,
    readers: Readers,
    changes: broadcast::Sender<Change>,
    clock: Clock,
    lease_clock: LeaseClock,
    commits: Arc<AtomicU64>,
    path: Arc<Path>,
    ends: close::Ends,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in the file at `path`, and creates file and folder if there are none. Blocks while it does.
    ///
    /// # Errors
    /// `NewerSchema`; `Corrupt` for what is no store of ours (both leave it untouched); `Unavailable`.
    ///
    /// Once it is open, every verb says `Gone` when the file, its log or the index of that is not at its path any more or another one is.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = file::prepare(path.as_ref())?;
        let connection = connect::writer(&path, &options)?;
        file::restrict(&path)?;
        // Its log is there by now.
        let identity = Arc::new(Identity::of(path.clone()));
        let (ends, alive) = close::Ends::new();
        let readers = Readers::open(&path, &options, &identity, &alive)?;
        let (orders, queue) = mpsc::channel();
        let changes = broadcast::channel(CHANGES_KEPT).0;
        let commits = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            connection,
            identity,
            orders: queue,
            changes: changes.clone(),
            clock: options.clock.clone(),
            max_batch: options.max_batch.max(1),
            poll: options.poll,
            commits: Arc::clone(&commits),
            ended: std::cell::Cell::new(false),
        };
        let writing = alive.writer;
        spawn("taskwright-write", move || {
            writer.work();
            drop(writing);
        })?;
        let SqliteOptions { clock, lease_clock, .. } = options;
        Ok(Self { orders, readers, changes, clock, lease_clock, commits, path: Arc::from(path), ends })
    }

    /// How many transactions this store has committed since it was opened; writes that queue up share one.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Hands a verb to the writer and waits for the commit.
    async fn write<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&mut SqliteRows<'_>, Timestamp) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, outcome) = job(verb);
        self.orders.send(Order::Write(job)).map_err(|_| gone())?;
        outcome.await.unwrap_or_else(|_| {
            Err(StoreError::Unknown { reason: "the store's writer ended before it replied".to_owned() })
        })
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable { reason: "the store's writer is gone".to_owned() }
}

/// Starts a thread.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(|_| ()).map_err(|error| StoreError::Unavailable { reason: format!("no thread: {error}") })
}

/// What a verb over rows of this store gives: they are always ready.
fn ready<T>(verb: impl Future<Output = T>) -> T {
    verb.now_or_never().expect("rows in SQLite are always ready")
}

/// A record with the text of its specification, which the caller's thread decodes and not the store's.
struct Undecoded {
    task: Task,
    /// None if its row is missing.
    spec: Option<String>,
}

impl Undecoded {
    fn read(rows: &SqliteRows<'_>, task: Task) -> Result<Self, StoreError> {
        let spec = rows.spec_text(&task.id)?;
        Ok(Self { task, spec })
    }

    fn decode(self) -> Read<Task> {
        match self.spec.map_or_else(|| Err(MISSING.to_owned()), |spec| column::read(&spec)) {
            Ok(spec) => Ok(Task { spec, ..self.task }),
            Err(reason) => {
                let Task { session_id, id, .. } = &self.task;
                Err(UnreadableRow::of_task(UnreadableKind::Spec, session_id, id, &reason))
            }
        }
    }

    /// The record after a write, which is done: without a specification if that cannot be read.
    fn decode_written(self) -> Task {
        let task = self.task.clone();
        self.decode().unwrap_or_else(|row| {
            row.note();
            task
        })
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn now(&self) -> Timestamp {
        clock::read(&self.clock)
    }

    fn local_paths(&self) -> Vec<PathBuf> {
        // SQLite's own names for what it has beside a database.
        let beside = |suffix: &str| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(suffix);
            name.into()
        };
        ["", "-wal", "-shm", "-journal"].into_iter().map(beside).collect()
    }

    async fn create(&self, new: NewTask) -> Result<Created, StoreError> {
        self.write(move |rows, now| ready(verbs::create(rows, new, now))).await
    }

    async fn create_child(&self, session: &SessionId, parent: &TaskId, new: NewChild) -> Result<Created, StoreError> {
        let (session, parent) = (session.clone(), parent.clone());
        self.write(move |rows, now| ready(verbs::create_child(rows, &session, &parent, new, now))).await
    }

    async fn get(&self, session: &SessionId, id: &TaskId) -> Result<Task, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        let read = move |rows: &mut SqliteRows<'_>| {
            let task = ready(verbs::get(rows, &session, &id))?;
            Undecoded::read(rows, task)
        };
        self.readers.read(read).await?.decode().map_err(StoreError::Unreadable)
    }

    async fn list(&self, session: &SessionId, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let (session, query) = (session.clone(), query.clone());
        let read = move |rows: &mut SqliteRows<'_>| {
            let page = ready(verbs::list(rows, &session, &query))?;
            let tasks =
                page.tasks.into_iter().map(|task| Undecoded::read(rows, task)).collect::<Result<Vec<_>, _>>()?;
            Ok((tasks, TaskPage { tasks: Vec::new(), ..page }))
        };
        let (tasks, mut page) = self.readers.read(read).await?;
        let (tasks, without_spec) = parted(tasks.into_iter().map(Undecoded::decode).collect());
        page.unreadable.extend(without_spec);
        Ok(TaskPage { tasks, ..page })
    }

    async fn update(&self, session: &SessionId, id: &TaskId, update: TaskUpdate) -> Result<Task, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        let verb = move |rows: &mut SqliteRows<'_>, now| {
            let task = ready(verbs::update(rows, &session, &id, update, now))?;
            Undecoded::read(rows, task)
        };
        Ok(self.write(verb).await?.decode_written())
    }

    async fn request_cancel(
        &self,
        session: &SessionId,
        id: &TaskId,
        reason: Option<String>,
    ) -> Result<(Task, CancelEffect), StoreError> {
        let (session, id) = (session.clone(), id.clone());
        let verb = move |rows: &mut SqliteRows<'_>, now| {
            let (task, effect) = ready(verbs::request_cancel(rows, &session, &id, reason.as_deref(), now))?;
            Ok((Undecoded::read(rows, task)?, effect))
        };
        let (task, effect) = self.write(verb).await?;
        Ok((task.decode_written(), effect))
    }

    async fn record_message(
        &self,
        session: &SessionId,
        id: &TaskId,
        message: NewMessage,
    ) -> Result<RecordedMessage, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        let verb = move |rows: &mut SqliteRows<'_>, now| {
            let recorded = ready(verbs::record_message(rows, &session, &id, message, now))?;
            let spec = rows.spec_text(&id)?;
            Ok((recorded, spec))
        };
        let (recorded, spec) = self.write(verb).await?;
        let task = Undecoded { task: recorded.task, spec }.decode_written();
        Ok(RecordedMessage { task, ..recorded })
    }

    async fn messages(
        &self,
        session: &SessionId,
        id: &TaskId,
        page: &MessagePage,
    ) -> Result<Page<Message>, StoreError> {
        let (session, id, page) = (session.clone(), id.clone(), page.clone());
        self.readers.read(move |rows| ready(verbs::messages(rows, &session, &id, &page))).await
    }

    async fn unread(&self, session: &SessionId, id: &TaskId, limit: usize) -> Result<Page<Message>, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        self.readers.read(move |rows| ready(verbs::unread(rows, &session, &id, limit))).await
    }

    async fn mark_delivered(
        &self,
        session: &SessionId,
        id: &TaskId,
        fence: Fence,
        message: &MessageId,
    ) -> Result<(), StoreError> {
        let (session, id, message) = (session.clone(), id.clone(), message.clone());
        self.write(move |rows, now| ready(verbs::mark_delivered(rows, &session, &id, fence, &message, now))).await
    }

    async fn checkpoint(&self, session: &SessionId, id: &TaskId) -> Result<Option<Vec<u8>>, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        self.readers.read(move |rows| ready(verbs::checkpoint(rows, &session, &id))).await
    }

    async fn result(&self, session: &SessionId, id: &TaskId) -> Result<Option<Value>, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        self.readers.read(move |rows| ready(verbs::result(rows, &session, &id))).await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>, StoreError> {
        let (request, clock) = (request.clone(), self.lease_clock.clone());
        self.write(move |rows, now| ready(verbs::claim(rows, &request, now, &clock()))).await
    }

    async fn held_by(&self, host: &HostRef) -> Result<Vec<Claimed>, StoreError> {
        let host = host.clone();
        let read = move |rows: &mut SqliteRows<'_>| {
            let claims = ready(verbs::held_by(rows, &host))?;
            let whole = |claim: Claimed| Ok((Undecoded::read(rows, claim.task.clone())?, claim));
            claims.into_iter().map(whole).collect::<Result<Vec<_>, StoreError>>()
        };
        let held = self.readers.read(read).await?.into_iter();
        Ok(readable(held.map(|(task, claim)| Ok(Claimed { task: task.decode()?, ..claim })).collect()))
    }

    async fn open_lease(&self, host: &HostRef, length: LeaseLength) -> Result<Lease, StoreError> {
        let (host, clock) = (host.clone(), self.lease_clock.clone());
        self.write(move |rows, now| ready(verbs::open_lease(rows, &host, length, now, &clock()))).await
    }

    async fn renew_lease(&self, host: &HostRef) -> Result<(), StoreError> {
        let (host, clock) = (host.clone(), self.lease_clock.clone());
        self.write(move |rows, now| ready(verbs::renew_lease(rows, &host, now, &clock()))).await
    }

    async fn close_lease(&self, host: &HostRef) -> Result<(), StoreError> {
        let host = host.clone();
        self.write(move |rows, _| ready(verbs::close_lease(rows, &host))).await
    }

    async fn hosts(&self) -> Result<Vec<HostStatus>, StoreError> {
        let clock = self.lease_clock.clone();
        self.readers.read(move |rows| ready(verbs::hosts(rows, &clock()))).await
    }

    async fn lapsed(&self, after: u64, limit: usize) -> Result<LapsedPage, StoreError> {
        let clock = self.lease_clock.clone();
        self.readers.read(move |rows| ready(verbs::lapsed(rows, after, limit, &clock()))).await
    }

    async fn reap(&self, session: &SessionId, id: &TaskId, crash_limit: u32) -> Result<Reaped, StoreError> {
        let (session, id, clock) = (session.clone(), id.clone(), self.lease_clock.clone());
        let verb = move |rows: &mut SqliteRows<'_>, now| {
            let reaped = ready(verbs::reap(rows, &session, &id, crash_limit, now, &clock()))?;
            Ok((reaped, rows.spec_text(&id)?))
        };
        let (reaped, spec) = self.write(verb).await?;
        Ok(match reaped {
            Reaped::Reattached(task) => Reaped::Reattached(Undecoded { task, spec }.decode_written()),
            Reaped::Ended(task) => Reaped::Ended(Undecoded { task, spec }.decode_written()),
            Reaped::Untouched => Reaped::Untouched,
        })
    }

    async fn sweep_leases(&self) -> Result<usize, StoreError> {
        let clock = self.lease_clock.clone();
        self.write(move |rows, _| ready(verbs::sweep_leases(rows, &clock()))).await
    }

    async fn finished(
        &self,
        before: Timestamp,
        after: Option<FinishedPlace>,
        limit: usize,
    ) -> Result<FinishedPage, StoreError> {
        self.readers.read(move |rows| ready(verbs::finished(rows, before, after, limit))).await
    }

    async fn forget(&self, session: &SessionId, id: &TaskId, before: Timestamp) -> Result<bool, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        self.write(move |rows, _| ready(verbs::forget(rows, &session, &id, before))).await
    }

    async fn trim_log(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.write(move |rows, _| ready(verbs::trim_log(rows, before, limit))).await
    }

    async fn code_in_use(&self) -> Result<Vec<CodeInUse>, StoreError> {
        self.readers.read(move |rows| ready(verbs::code_in_use(rows))).await
    }

    async fn next_due(&self, kinds: &[KindOffer], after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        let kinds = kinds.to_vec();
        self.readers.read(move |rows| ready(verbs::next_due(rows, &kinds, after))).await
    }

    async fn backlog(&self, kinds: &[KindOffer]) -> Result<Vec<Backlog>, StoreError> {
        let (kinds, now) = (kinds.to_vec(), self.now());
        self.readers.read(move |rows| ready(verbs::backlog(rows, &kinds, now))).await
    }

    async fn events(&self, session: &SessionId, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        let session = session.clone();
        self.readers.read(move |rows| ready(verbs::events(rows, &session, after, limit))).await
    }

    async fn wakes(&self, session: &SessionId, limit: usize) -> Result<Page<Wake>, StoreError> {
        let session = session.clone();
        self.readers.read(move |rows| ready(verbs::wakes(rows, &session, limit))).await
    }

    async fn sessions_with_wakes(&self, after: Option<u64>, limit: usize) -> Result<WokenPage, StoreError> {
        self.readers.read(move |rows| ready(verbs::sessions_with_wakes(rows, after, limit))).await
    }

    async fn claim_wakes(&self, session: &SessionId, host: &HostRef, limit: usize) -> Result<ClaimedWakes, StoreError> {
        let (session, host, clock) = (session.clone(), host.clone(), self.lease_clock.clone());
        self.write(move |rows, _| ready(verbs::claim_wakes(rows, &session, &host, limit, &clock()))).await
    }

    async fn release_wakes(&self, session: &SessionId, host: &HostRef) -> Result<(), StoreError> {
        let (session, host) = (session.clone(), host.clone());
        self.write(move |rows, _| ready(verbs::release_wakes(rows, &session, &host))).await
    }

    async fn acknowledge_wakes(&self, session: &SessionId, ids: &[u64]) -> Result<usize, StoreError> {
        let (session, ids) = (session.clone(), ids.to_vec());
        self.write(move |rows, now| ready(verbs::acknowledge_wakes(rows, &session, &ids, now))).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        let changes = self.changes.subscribe();
        // So that the writer begins to look for commits of other processes. If it is gone, the receiver notices itself.
        let _ = self.orders.send(Order::Listen);
        changes
    }
}
