//! Runs verbs over PostgreSQL: takes a connection, locks the sessions that the verb is about, commits, tells.
//! Does not know any verb.
//!
//! A session is what is locked: everything that belongs to one changes under the lock of its row alone, so that what a verb reads
//! to decide by is still so when it writes, and the numbers of its log become visible in their order. Sessions do not wait for
//! each other, and could lie in several databases.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use futures::future::BoxFuture;
use taskwright_registry::{SessionId, Timestamp};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::failure::{met_another, of_commit, of_pool};
use super::notices::ToTell;
use super::options::PostgresOptions;
use super::rows::{PgRows, get};
use crate::column::time;
use crate::committed::Committed;
use crate::{Change, LeaseTime, StoreError, clock};

/// How often a transaction that met another one is tried again.
const TRIES: u32 = 10;

/// Which sessions a verb is about.
#[derive(Debug, Clone, Default)]
pub(super) struct Locked {
    ids: Vec<SessionId>,
    /// Those of them that the verb may begin, so that their names have to be locked if they are not there yet.
    begun: Vec<SessionId>,
}

impl Locked {
    /// None: the verb locks what it looks at.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Sessions that may be there.
    pub(super) fn of(ids: impl IntoIterator<Item = SessionId>) -> Self {
        Self { ids: ids.into_iter().collect(), begun: Vec::new() }
    }

    /// Sessions that the verb may begin.
    pub(super) fn begun(ids: impl IntoIterator<Item = SessionId>) -> Self {
        let begun: Vec<SessionId> = ids.into_iter().collect();
        Self { ids: begun.clone(), begun }
    }

    /// And these.
    pub(super) fn and(mut self, ids: impl IntoIterator<Item = SessionId>) -> Self {
        self.ids.extend(ids);
        self
    }
}

/// Says what the type of a verb that writes is.
pub(super) fn verb_of<T, V>(verb: V) -> V
where
    V: for<'r> Fn(&'r mut PgRows, Now) -> BoxFuture<'r, Result<T, StoreError>> + Send + Sync + 'static,
{
    verb
}

/// Says what the type of a verb that only reads is.
pub(super) fn read_of<T, V>(verb: V) -> V
where
    V: for<'r> FnOnce(&'r mut PgRows) -> BoxFuture<'r, Result<T, StoreError>> + Send + 'static,
{
    verb
}

/// What the server's clock says.
#[derive(Debug, Clone)]
pub(super) struct Now {
    /// For records.
    pub(super) at: Timestamp,
    /// For leases.
    pub(super) lease: LeaseTime,
}

/// A verb that writes. It may be run several times.
pub(super) type Verb<T> =
    Box<dyn for<'r> Fn(&'r mut PgRows, Now) -> BoxFuture<'r, Result<T, StoreError>> + Send + Sync>;

/// A verb that only reads.
pub(super) type Read<T> = Box<dyn for<'r> FnOnce(&'r mut PgRows) -> BoxFuture<'r, Result<T, StoreError>> + Send>;

/// What the clones of a store share.
pub(super) struct Shared {
    pub(super) pool: Pool,
    pub(super) options: PostgresOptions,
    pub(super) changes: broadcast::Sender<Change>,
    /// To whoever tells other processes.
    pub(super) to_tell: mpsc::UnboundedSender<ToTell>,
    /// How far the server's clock is ahead of this one's, in milliseconds.
    pub(super) ahead: std::sync::atomic::AtomicI64,
    /// Ends what listens.
    pub(super) _alive: oneshot::Sender<()>,
    /// Where the connections live.
    pub(super) runtime: tokio::runtime::Handle,
}

impl Shared {
    async fn connection(&self) -> Result<deadpool_postgres::Object, StoreError> {
        self.pool.get().await.map_err(|error| of_pool(&error))
    }

    async fn rows(self: &Arc<Self>, writes: bool) -> Result<PgRows, StoreError> {
        Ok(PgRows::new(self.connection().await?, writes, self.clone()))
    }

    /// Runs a verb that writes, in a transaction that is tried again when it meets another one.
    pub(super) async fn write<T: Send + 'static>(
        self: Arc<Self>,
        locked: Locked,
        verb: Verb<T>,
    ) -> Result<T, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut rows = self.rows(true).await?;
            match rows.transact(&locked, &verb).await {
                Ok(value) => {
                    let committed = std::mem::take(&mut rows.announced);
                    // Whoever tells the others needs a connection.
                    drop(rows);
                    self.tell(committed).await;
                    return Ok(value);
                }
                Err(error) => {
                    let again = rows.met_another && tries < TRIES;
                    rows.leave("ROLLBACK").await;
                    if !again {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(u64::from(tries) * 2)).await;
        }
    }

    /// Tells whoever listens in this process, and returns when the others were told: a process that ends right after its write has
    /// told of it.
    async fn tell(&self, committed: Committed) {
        let changes = committed.changes().to_vec();
        committed.tell(&self.changes);
        if changes.is_empty() {
            return;
        }
        let (told, heard) = oneshot::channel();
        // Nobody is told any more when the store is going away.
        if self.to_tell.send(ToTell { changes, told }).is_ok() {
            let _ = heard.await;
        }
    }

    /// Runs a verb that only reads, over one state of the database.
    pub(super) async fn read<T: Send + 'static>(self: Arc<Self>, verb: Read<T>) -> Result<T, StoreError> {
        let mut rows = self.rows(false).await?;
        let outcome = match rows.run_plain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await {
            Ok(()) => verb(&mut rows).await,
            Err(error) => Err(error),
        };
        rows.leave("COMMIT").await;
        outcome
    }
}

impl PgRows {
    /// Locks, runs the verb and commits.
    async fn transact<T>(&mut self, locked: &Locked, verb: &Verb<T>) -> Result<T, StoreError> {
        self.run_plain("BEGIN").await?;
        self.lock(locked).await?;
        let now = self.now().await?;
        let value = verb(self, now).await?;
        let committed = self.client.batch_execute("COMMIT").await;
        committed.map_err(|error| {
            self.met_another |= met_another(&error);
            of_commit(&error)
        })?;
        Ok(value)
    }

    async fn lock(&mut self, Locked { ids, begun }: &Locked) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        if !begun.is_empty() {
            let mut begun: Vec<&str> = begun.iter().map(SessionId::as_str).collect();
            begun.sort_unstable();
            let sql = "INSERT INTO sessions (id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING";
            self.run(sql, &[&begun]).await?;
        }
        // Whoever locks several does so in one order.
        let sql = "SELECT no FROM sessions WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
        let ids: Vec<&str> = ids.iter().map(SessionId::as_str).collect();
        self.all(sql, &[&ids], |row| get::<i64>(row, 0)).await?;
        Ok(())
    }

    /// What the clocks say.
    pub(super) async fn now(&mut self) -> Result<Now, StoreError> {
        let shared = self.shared.clone();
        let (clock, lease_clock) = (&shared.options.clock, &shared.options.lease_clock);
        let millis = if clock.is_some() && lease_clock.is_some() {
            0
        } else {
            let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
            self.one(sql, &[], |row| get::<i64>(row, 0)).await?.unwrap_or_default()
        };
        let at = match clock {
            Some(clock) => clock::read(clock),
            None => time(millis)?,
        };
        let lease = match lease_clock {
            Some(clock) => clock(),
            None => LeaseTime { era: Arc::from("server"), millis: u64::try_from(millis).unwrap_or_default() },
        };
        Ok(Now { at, lease })
    }

    /// Ends what was begun, and gives the connection back. Nobody else gets one that may be in the middle of something.
    async fn leave(self, how: &str) {
        if self.client.batch_execute(how).await.is_err() {
            drop(deadpool_postgres::Object::take(self.client));
        }
    }

    async fn run_plain(&mut self, sql: &str) -> Result<(), StoreError> {
        let done = self.client.batch_execute(sql).await;
        done.map_err(|error| self.failed(&error))
    }
}
