//! A store in a PostgreSQL database that several hosts share.
//! Does not hold a rule of its own: verbs and core decide here as they do for every store.

/// A verb that writes, with what it takes along for each time that it is run:
/// `verb!(rows, now, [session, id], verbs::forget(rows, &session, &id, now.at).await)`.
macro_rules! verb {
    ($rows:ident, $now:pat, [$($name:ident),*], $call:expr) => {
        $crate::postgres::transaction::verb_of(move |$rows, $now| {
            $(let $name = $name.clone();)*
            Box::pin(async move { $call })
        })
    };
}

/// A verb that only reads: `read!(rows, verbs::get(rows, &session, &id).await)`, or with the time in front of what it calls.
macro_rules! read {
    ($rows:ident, $call:expr) => {
        $crate::postgres::transaction::read_of(move |$rows| Box::pin(async move { $call }))
    };
    ($rows:ident, $now:ident, $call:expr) => {
        $crate::postgres::transaction::read_of(move |$rows| {
            Box::pin(async move {
                let $now = $rows.now().await?;
                $call
            })
        })
    };
}

mod about;
mod claims;
mod connection;
mod decode;
mod external;
mod failure;
mod files_place;
mod flush;
mod group;
mod identity;
mod listening;
mod lists;
mod looks;
mod migration;
mod notices;
mod options;
mod partitions;
mod pipeline;
mod repair;
mod rows;
mod schema;
mod sessions;
mod transaction;
mod unit;
#[cfg(test)]
mod upgrade;
mod write_rows;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde_json::Value;
use taskwright_registry::{
    CancelEffect, Fence, HostRef, Lease, LeaseLength, Message, MessageId, NewChild, NewMessage, NewTask, SessionId,
    Task, TaskId, TaskUpdate, Timestamp, Wake,
};
use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot};

pub(crate) use migration::{Mark, Target};
pub use options::PostgresOptions;

use crate::column::time;
use crate::store::CHANGES_KEPT;
use crate::{
    Backlog, Change, ClaimRequest, Claimed, ClaimedWakes, CodeInUse, Created, EventPage, FinishedPage, FinishedPlace,
    HostStatus, KindOffer, LapsedPage, MessagePage, Page, Reaped, RecordedMessage, Store, StoreError, TaskPage,
    TaskQuery, UnreadableRow, WokenPage, clock, verbs,
};
use about::About;
use connection::Connector;
use group::Write;
use listening::Listening;
use looks::Asking;
use partitions::Partitions;
use rows::PgRows;
use transaction::{Now, Shared};

/// A store in a PostgreSQL database. Clones share its connections, which end with the last clone.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

/// How often a claim looks that finds nothing because somebody writes wherever something is due.
const BUSY_LOOKS: u32 = 10;

impl PostgresStore {
    /// Opens the store at an address such as `postgres://user@127.0.0.1:5432/database`, and makes its schema and tables if there
    /// are none. Its connections live in the runtime that this is called in; its verbs can be called from anywhere.
    ///
    /// Returns when it hears what other processes commit. TLS is used where the server has it (`sslmode=prefer`), or must be
    /// (`sslmode=require`), and the certificate and its name are verified then.
    ///
    /// # Errors
    /// `NewerSchema`; `Corrupt` for an address, a schema's name or a file with certificates that is none, and for a database whose
    /// encoding is not UTF8; `Unavailable`, also for a pooler that keeps no connection for a client, and while a migration into the schema is not complete.
    pub async fn open(address: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let store = Self::connect(address, options).await?;
        let client = store.shared.pool.get().await.map_err(|error| failure::of_pool(&error))?;
        migration::refuse_unfinished(&client).await?;
        drop(client);
        Ok(store)
    }

    /// Opens the store, whatever a migration has left there.
    async fn connect(address: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let connector = Connector::new(address, &options)?;
        let channel = format!("taskwright:{}", options.schema);
        let own = notices::own_name();
        let (first, mut listening) = tokio::try_join!(connector.connect(), Listening::begin(&connector, &channel))?;
        let first = (first.0, connection::drive(first.1));
        // Nothing is set on a connection before this: it could be somebody else's a moment later.
        listening.prove(&first.0, &channel, &notices::of_nothing(&own)).await?;
        let pool = connector.clone().pool(options.connections, first)?;
        let identity;
        {
            let client = pool.get().await.map_err(|error| failure::of_pool(&error))?;
            identity::refuse_encoding(&client).await?;
            schema::migrate(&client, &options.schema).await?;
            identity = identity::look(&client, &options.schema).await?;
            if let Err(error) = partitions::make_ahead(&client, &options).await {
                tracing::info!(%error, "no table was made for the next events; they go to the one for the rest");
            }
        }
        let changes = broadcast::channel(CHANGES_KEPT).0;
        let (to_tell, queue) = mpsc::unbounded_channel();
        let (alive, gone) = oneshot::channel();
        let shared = Arc::new(Shared {
            pool,
            queue: std::sync::Mutex::default(),
            looks: std::sync::Mutex::default(),
            options,
            identity,
            gone: OnceLock::new(),
            partitions: Partitions::default(),
            changes,
            to_tell,
            ahead: AtomicI64::new(0),
            runtime: Handle::current(),
            _alive: alive,
        });
        tokio::spawn(notices::look(Arc::downgrade(&shared)));
        tokio::spawn(notices::tell(Arc::downgrade(&shared), queue, channel.clone(), own.clone()));
        tokio::spawn(notices::hear(connector, listening, channel, own, shared.changes.downgrade(), gone));
        let store = Self { shared };
        store.note_clock(store.read(read!(rows, now, Ok(now.at))).await?);
        Ok(store)
    }

    /// Notes how far the server's clock is ahead of this machine's.
    fn note_clock(&self, server: Timestamp) {
        let ahead = (server - chrono::Utc::now()).num_milliseconds();
        self.shared.ahead.store(ahead, Ordering::Relaxed);
    }

    /// What the server's clock says, as far as this process knows without asking.
    fn about_now(&self) -> Now {
        let at = self.now();
        let lease = match &self.shared.options.lease_clock {
            Some(clock) => clock(),
            None => Now::server_lease(at.timestamp_millis()),
        };
        Now { at, lease }
    }

    /// Runs a verb to its end, also if nobody waits for it any more: a connection is never left in the middle. It is committed
    /// together with others that come at the same time.
    async fn write<T: Send + 'static>(
        &self,
        about: About,
        verb: impl for<'r> Fn(&'r mut PgRows, Now) -> BoxFuture<'r, Result<T, StoreError>> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let (reply, outcome) = oneshot::channel();
        self.shared.enqueue(Box::new(Write { about, verb: Box::new(verb), outcome: None, reply }));
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    /// The same in a transaction of its own: for verbs that lock what they find.
    async fn write_alone<T: Send + 'static>(
        &self,
        about: About,
        verb: impl for<'r> Fn(&'r mut PgRows, Now) -> BoxFuture<'r, Result<T, StoreError>> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let (reply, outcome) = oneshot::channel();
        let (shared, job) =
            (self.shared.clone(), Box::new(Write { about, verb: Box::new(verb), outcome: None, reply }));
        self.shared.runtime.spawn(async move { shared.commit_alone(job).await });
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Compares the database with the one that was opened.
    async fn same_database(&self) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let look = self.shared.runtime.spawn(async move { shared.check_identity().await });
        look.await.unwrap_or_else(|error| Err(StoreError::Unavailable { reason: error.to_string() }))
    }

    /// Runs a verb that only reads, over one state of the database.
    async fn read<T: Send + 'static>(
        &self,
        verb: impl for<'r> FnOnce(&'r mut PgRows) -> BoxFuture<'r, Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let work = self.shared.runtime.spawn(self.shared.clone().read(Box::new(verb)));
        work.await.unwrap_or_else(|error| Err(StoreError::Unavailable { reason: error.to_string() }))
    }

    /// Runs a verb that only reads what lies in one row, or that need not see one state of the database.
    async fn glance<T: Send + 'static>(
        &self,
        verb: impl for<'r> FnOnce(&'r mut PgRows) -> BoxFuture<'r, Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let work = self.shared.runtime.spawn(self.shared.clone().glance(Box::new(verb)));
        work.await.unwrap_or_else(|error| Err(StoreError::Unavailable { reason: error.to_string() }))
    }

    /// Runs a verb that reads nothing but one task.
    async fn look<T: Send + 'static>(
        &self,
        task: &TaskId,
        verb: impl for<'r> FnOnce(&'r mut PgRows) -> BoxFuture<'r, Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, outcome) = oneshot::channel();
        self.shared.look_together(Box::new(Asking { task: task.clone(), verb: Box::new(verb), reply }));
        let ended = || StoreError::Unavailable { reason: "the store's runtime has ended".to_owned() };
        outcome.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// What is said when the runtime of the connections ended before a write had its reply.
fn gone() -> StoreError {
    StoreError::Unknown { reason: "the store's runtime ended before it replied".to_owned() }
}

/// The record with its specification.
async fn whole(rows: &mut PgRows, mut task: Task) -> Result<Task, StoreError> {
    match rows.specs([&mut task]).await?.pop() {
        None => Ok(task),
        Some(row) => Err(StoreError::Unreadable(row)),
    }
}

/// The record after a write: without a specification if that cannot be read.
async fn written(rows: &mut PgRows, mut task: Task) -> Result<Task, StoreError> {
    for row in rows.specs([&mut task]).await? {
        row.note();
    }
    Ok(task)
}

fn of(session: &SessionId) -> About {
    About::of([session.clone()])
}

fn of_task(session: &SessionId, id: &TaskId) -> About {
    of(session).tasks([id])
}

#[async_trait]
impl Store for PostgresStore {
    fn now(&self) -> Timestamp {
        match &self.shared.options.clock {
            Some(clock) => clock::read(clock),
            None => {
                let millis = chrono::Utc::now().timestamp_millis() + self.shared.ahead.load(Ordering::Relaxed);
                time(millis).unwrap_or_else(|_| chrono::Utc::now())
            }
        }
    }

    async fn create(&self, mut new: NewTask) -> Result<Created, StoreError> {
        // Before it is copied, and before it can spoil a statement that it shares with others.
        new.check_storable()?;
        let session = &new.session_id;
        let parent: Option<TaskId> = new.parent.task_id.as_ref().and_then(|id| id.parse().ok());
        let sessions = About::begun([session.clone()])
            .makes(session, new.idempotency_key.as_ref())
            .tasks([&new.id].into_iter().chain(&parent));
        self.write(sessions, verb!(rows, now, [new], verbs::create(rows, new, now.at).await)).await
    }

    async fn create_child(
        &self,
        session: &SessionId,
        parent: &TaskId,
        mut new: NewChild,
    ) -> Result<Created, StoreError> {
        new.task.check_storable()?;
        let sessions = of_task(session, parent).makes(session, None);
        let (session, parent) = (session.clone(), parent.clone());
        let verb = verb!(rows, now, [session, parent, new], {
            verbs::create_child(rows, &session, &parent, new, now.at).await
        });
        self.write(sessions, verb).await
    }

    async fn get(&self, session: &SessionId, id: &TaskId) -> Result<Task, StoreError> {
        let (session, task) = (session.clone(), id);
        let id = id.clone();
        let verb = read!(rows, {
            let task = verbs::get(rows, &session, &id).await?;
            whole(rows, task).await
        });
        self.look(task, verb).await
    }

    async fn list(&self, session: &SessionId, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let (session, query) = (session.clone(), query.clone());
        let verb = read!(rows, {
            let mut page = verbs::list(rows, &session, &query).await?;
            let without_spec = rows.specs(&mut page.tasks).await?;
            let reads = |task: &Task| without_spec.iter().all(|row| row.task_id.as_ref() != Some(&task.id));
            page.tasks.retain(reads);
            without_spec.iter().for_each(UnreadableRow::note);
            page.unreadable.extend(without_spec);
            Ok(page)
        });
        self.read(verb).await
    }

    async fn update(&self, session: &SessionId, id: &TaskId, mut update: TaskUpdate) -> Result<Task, StoreError> {
        update.check_storable()?;
        let (sessions, session, id) = (of_task(session, id), session.clone(), id.clone());
        let verb = verb!(rows, now, [session, id, update], {
            let task = verbs::update(rows, &session, &id, update, now.at).await?;
            written(rows, task).await
        });
        self.write(sessions, verb).await
    }

    async fn request_cancel(
        &self,
        session: &SessionId,
        id: &TaskId,
        reason: Option<String>,
    ) -> Result<(Task, CancelEffect), StoreError> {
        let (sessions, session, id) = (of_task(session, id), session.clone(), id.clone());
        let verb = verb!(rows, now, [session, id, reason], {
            let (task, effect) = verbs::request_cancel(rows, &session, &id, reason.as_deref(), now.at).await?;
            Ok((written(rows, task).await?, effect))
        });
        self.write(sessions, verb).await
    }

    async fn record_message(
        &self,
        session: &SessionId,
        id: &TaskId,
        mut message: NewMessage,
    ) -> Result<RecordedMessage, StoreError> {
        message.check_storable()?;
        let sessions = of_task(session, id).message(&message.id);
        let (session, id) = (session.clone(), id.clone());
        let verb = verb!(rows, now, [session, id, message], {
            let recorded = verbs::record_message(rows, &session, &id, message, now.at).await?;
            Ok(RecordedMessage { task: written(rows, recorded.task).await?, ..recorded })
        });
        self.write(sessions, verb).await
    }

    async fn messages(
        &self,
        session: &SessionId,
        id: &TaskId,
        page: &MessagePage,
    ) -> Result<Page<Message>, StoreError> {
        let (session, id, page) = (session.clone(), id.clone(), page.clone());
        self.read(read!(rows, verbs::messages(rows, &session, &id, &page).await)).await
    }

    async fn unread(&self, session: &SessionId, id: &TaskId, limit: usize) -> Result<Page<Message>, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        self.read(read!(rows, verbs::unread(rows, &session, &id, limit).await)).await
    }

    async fn mark_delivered(
        &self,
        session: &SessionId,
        id: &TaskId,
        fence: Fence,
        message: &MessageId,
    ) -> Result<(), StoreError> {
        let sessions = of_task(session, id).message(message);
        let (session, id, message) = (session.clone(), id.clone(), message.clone());
        let verb = verb!(rows, now, [session, id, message], {
            verbs::mark_delivered(rows, &session, &id, fence, &message, now.at).await
        });
        self.write(sessions, verb).await
    }

    async fn checkpoint(&self, session: &SessionId, id: &TaskId) -> Result<Option<Vec<u8>>, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        self.read(read!(rows, verbs::checkpoint(rows, &session, &id).await)).await
    }

    async fn result(&self, session: &SessionId, id: &TaskId) -> Result<Option<Value>, StoreError> {
        let (session, id) = (session.clone(), id.clone());
        self.read(read!(rows, verbs::result(rows, &session, &id).await)).await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>, StoreError> {
        let sessions = match &request.only {
            None => About::none(),
            Some(only) => {
                let only = only.clone();
                let owner = self.read(read!(rows, crate::rows::Rows::owner(rows, &only).await)).await?;
                About::of(owner)
            }
        };
        let mut sessions = sessions;
        for _ in 0..BUSY_LOOKS {
            let request = request.clone();
            let verb = verb!(rows, now, [request], {
                let claims = verbs::claim(rows, &request, now.at, &now.lease).await?;
                Ok((claims, rows.busy.take()))
            });
            let (claims, busy) = self.write_alone(sessions, verb).await?;
            let Some((session_id, task_id)) = busy else { return Ok(claims) };
            if !claims.is_empty() {
                // Whoever has claimed these does not wait for what was passed by, and hears of it.
                let due_at = Some(self.now());
                // Nobody listening is fine.
                let _ = self.shared.changes.send(Change::Task { session_id, task_id, due_at });
                return Ok(claims);
            }
            // Nothing else was there: this session is waited for, before anything is locked.
            sessions = of(&session_id);
        }
        Ok(Vec::new())
    }

    async fn held_by(&self, host: &HostRef) -> Result<Vec<Claimed>, StoreError> {
        let host = host.clone();
        let verb = read!(rows, {
            let mut claims = verbs::held_by(rows, &host).await?;
            let without_spec = rows.specs(claims.iter_mut().map(|claim| &mut claim.task)).await?;
            let reads = |claim: &Claimed| without_spec.iter().all(|row| row.task_id.as_ref() != Some(&claim.task.id));
            claims.retain(reads);
            without_spec.iter().for_each(UnreadableRow::note);
            Ok(claims)
        });
        self.read(verb).await
    }

    async fn open_lease(&self, host: &HostRef, length: LeaseLength) -> Result<Lease, StoreError> {
        let host = host.clone();
        self.same_database().await?;
        let verb = verb!(rows, now, [host], verbs::open_lease(rows, &host, length, now.at, &now.lease).await);
        self.write_alone(About::none(), verb).await
    }

    async fn renew_lease(&self, host: &HostRef) -> Result<(), StoreError> {
        let host = host.clone();
        self.same_database().await?;
        let verb = verb!(rows, now, [host], {
            verbs::renew_lease(rows, &host, now.at, &now.lease).await?;
            Ok(now.at)
        });
        // Not more often than this: a machine's clock does not run away within a lease.
        self.note_clock(self.write_alone(About::none(), verb).await?);
        Ok(())
    }

    async fn close_lease(&self, host: &HostRef) -> Result<(), StoreError> {
        let host = host.clone();
        self.write_alone(About::none(), verb!(rows, _, [host], verbs::close_lease(rows, &host).await)).await
    }

    async fn hosts(&self) -> Result<Vec<HostStatus>, StoreError> {
        self.read(read!(rows, now, verbs::hosts(rows, &now.lease).await)).await
    }

    async fn lapsed(&self, after: u64, limit: usize) -> Result<LapsedPage, StoreError> {
        // What is taken over is judged again, by the server's clock.
        let now = self.about_now();
        self.glance(read!(rows, verbs::lapsed(rows, after, limit, &now.lease).await)).await
    }

    async fn reap(&self, session: &SessionId, id: &TaskId, crash_limit: u32) -> Result<Reaped, StoreError> {
        let (sessions, session, id) = (of_task(session, id), session.clone(), id.clone());
        let verb = verb!(rows, now, [session, id], {
            Ok(match verbs::reap(rows, &session, &id, crash_limit, now.at, &now.lease).await? {
                Reaped::Reattached(task) => Reaped::Reattached(written(rows, task).await?),
                Reaped::Ended(task) => Reaped::Ended(written(rows, task).await?),
                Reaped::Untouched => Reaped::Untouched,
            })
        });
        self.write_alone(sessions, verb).await
    }

    async fn sweep_leases(&self) -> Result<usize, StoreError> {
        self.write_alone(About::none(), verb!(rows, now, [], verbs::sweep_leases(rows, &now.lease).await)).await
    }

    async fn finished(
        &self,
        before: Timestamp,
        after: Option<FinishedPlace>,
        limit: usize,
    ) -> Result<FinishedPage, StoreError> {
        self.read(read!(rows, verbs::finished(rows, before, after, limit).await)).await
    }

    async fn forget(&self, session: &SessionId, id: &TaskId, before: Timestamp) -> Result<bool, StoreError> {
        let (sessions, session, id) = (of_task(session, id).parent(session, id), session.clone(), id.clone());
        self.write(sessions, verb!(rows, _, [session, id], verbs::forget(rows, &session, &id, before).await)).await
    }

    async fn trim_log(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let shared = self.shared.clone();
        let dropping = self.shared.runtime.spawn(async move { shared.drop_old_events(before).await });
        let dropped = dropping.await.unwrap_or_else(|_| Err(gone()))?;
        if dropped >= limit {
            return Ok(dropped);
        }
        let verb = verb!(rows, _, [], verbs::trim_log(rows, before, limit).await);
        Ok(dropped + self.write_alone(About::none(), verb).await?)
    }

    async fn code_in_use(&self) -> Result<Vec<CodeInUse>, StoreError> {
        self.glance(read!(rows, verbs::code_in_use(rows).await)).await
    }

    async fn next_due(&self, kinds: &[KindOffer], after: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        let kinds = kinds.to_vec();
        self.glance(read!(rows, verbs::next_due(rows, &kinds, after).await)).await
    }

    async fn backlog(&self, kinds: &[KindOffer]) -> Result<Vec<Backlog>, StoreError> {
        let (kinds, now) = (kinds.to_vec(), self.now());
        self.glance(read!(rows, verbs::backlog(rows, &kinds, now).await)).await
    }

    async fn events(&self, session: &SessionId, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        let session = session.clone();
        self.read(read!(rows, verbs::events(rows, &session, after, limit).await)).await
    }

    async fn wakes(&self, session: &SessionId, limit: usize) -> Result<Page<Wake>, StoreError> {
        let session = session.clone();
        self.read(read!(rows, verbs::wakes(rows, &session, limit).await)).await
    }

    async fn sessions_with_wakes(&self, after: Option<u64>, limit: usize) -> Result<WokenPage, StoreError> {
        self.read(read!(rows, verbs::sessions_with_wakes(rows, after, limit).await)).await
    }

    async fn claim_wakes(&self, session: &SessionId, host: &HostRef, limit: usize) -> Result<ClaimedWakes, StoreError> {
        let (sessions, session, host) = (of(session), session.clone(), host.clone());
        let verb =
            verb!(rows, now, [session, host], verbs::claim_wakes(rows, &session, &host, limit, &now.lease).await);
        self.write_alone(sessions, verb).await
    }

    async fn release_wakes(&self, session: &SessionId, host: &HostRef) -> Result<(), StoreError> {
        let (sessions, session, host) = (of(session), session.clone(), host.clone());
        self.write_alone(sessions, verb!(rows, _, [session, host], verbs::release_wakes(rows, &session, &host).await))
            .await
    }

    async fn acknowledge_wakes(&self, session: &SessionId, ids: &[u64]) -> Result<usize, StoreError> {
        let (sessions, session, ids) = (of(session), session.clone(), ids.to_vec());
        let verb = verb!(rows, now, [session, ids], verbs::acknowledge_wakes(rows, &session, &ids, now.at).await);
        self.write(sessions, verb).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.shared.changes.subscribe()
    }
}
