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

use super::failure::of_commit;
use super::notices::ToTell;
use super::options::PostgresOptions;
use super::rows::{PgRows, get};
use crate::column::time;
use crate::{Change, LeaseTime, StoreError, clock};

/// How often a transaction that met another one is tried again.
const TRIES: u32 = 10;

/// Which sessions a verb is about.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    ids: Vec<SessionId>,
    /// Those of them that the verb may begin, so that their names have to be locked if they are not there yet.
    begun: Vec<SessionId>,
}

impl Sessions {
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

/// Says what a verb's type is.
pub(super) fn verb_of<T, V>(verb: V) -> V
where
    V: for<'r> Fn(&'r mut PgRows, Now) -> BoxFuture<'r, Result<T, StoreError>> + Send + Sync + 'static,
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

/// A verb over rows. It may be run several times.
pub(super) type Verb<T> =
    Box<dyn for<'r> Fn(&'r mut PgRows, Now) -> BoxFuture<'r, Result<T, StoreError>> + Send + Sync>;

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
        self.pool.get().await.map_err(|error| StoreError::Unavailable {
            reason: format!("no connection to PostgreSQL: {}", super::failure::chain(&error)),
        })
    }

    async fn now(&self, rows: &mut PgRows) -> Result<Now, StoreError> {
        let given = (&self.options.clock, &self.options.lease_clock);
        let server = match given {
            (Some(_), Some(_)) => None,
            _ => {
                let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
                rows.one(sql, &[], |row| get::<i64>(row, 0)).await?
            }
        };
        let millis = server.unwrap_or_default();
        let at = match &self.options.clock {
            Some(clock) => clock::read(clock),
            None => time(millis)?,
        };
        let lease = match &self.options.lease_clock {
            Some(clock) => clock(),
            None => LeaseTime { era: Arc::from("server"), millis: u64::try_from(millis).unwrap_or_default() },
        };
        Ok(Now { at, lease })
    }

    /// Runs a verb that writes, in a transaction that is tried again when it meets another one.
    pub(super) async fn write<T: Send + 'static>(
        self: Arc<Self>,
        sessions: Sessions,
        verb: Verb<T>,
    ) -> Result<T, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut rows = PgRows::new(self.connection().await?, true);
            let outcome = self.begin_and(&mut rows, &sessions, &verb).await;
            let outcome = match outcome {
                Ok(value) => match rows.client.batch_execute("COMMIT").await {
                    Ok(()) => {
                        let told = std::mem::take(&mut rows.announced);
                        drop(rows);
                        let mut changes = Vec::new();
                        told.tell_and(&self.changes, |change| changes.push(change.clone()));
                        if !changes.is_empty() {
                            let (told, heard) = oneshot::channel();
                            // A process that ends right after its write has told of it. Nobody is told any more when the store
                            // is going away.
                            if self.to_tell.send(ToTell { changes, told }).is_ok() {
                                let _ = heard.await;
                            }
                        }
                        return Ok(value);
                    }
                    Err(error) => {
                        rows.met_another |= super::failure::met_another(&error);
                        Err(of_commit(&error))
                    }
                },
                Err(error) => Err(error),
            };
            let again = rows.met_another && tries < TRIES;
            if rows.client.batch_execute("ROLLBACK").await.is_err() {
                // It may be in the middle of something: nobody else gets it.
                drop(deadpool_postgres::Object::take(rows.client));
            }
            if !again {
                return outcome;
            }
            tokio::time::sleep(Duration::from_millis(u64::from(tries) * 2)).await;
        }
    }

    async fn begin_and<T>(&self, rows: &mut PgRows, sessions: &Sessions, verb: &Verb<T>) -> Result<T, StoreError> {
        rows.run_plain("BEGIN").await?;
        if !sessions.ids.is_empty() {
            let ids: Vec<&str> = sessions.ids.iter().map(SessionId::as_str).collect();
            if !sessions.begun.is_empty() {
                let mut begun: Vec<&str> = sessions.begun.iter().map(SessionId::as_str).collect();
                begun.sort_unstable();
                let sql = "INSERT INTO sessions (id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING";
                rows.run(sql, &[&begun]).await?;
            }
            // Whoever locks several does so in one order.
            let sql = "SELECT no FROM sessions WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
            rows.all(sql, &[&ids], |row| get::<i64>(row, 0)).await?;
        }
        let now = self.now(rows).await?;
        verb(rows, now).await
    }

    /// Runs a verb that only reads, over one state of the database.
    pub(super) async fn read<T: Send + 'static>(self: Arc<Self>, verb: Verb<T>) -> Result<T, StoreError> {
        let mut rows = PgRows::new(self.connection().await?, false);
        let outcome = async {
            rows.run_plain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let now = self.now(&mut rows).await?;
            verb(&mut rows, now).await
        };
        let outcome = outcome.await;
        if rows.client.batch_execute("COMMIT").await.is_err() {
            drop(deadpool_postgres::Object::take(rows.client));
        }
        outcome
    }
}

impl PgRows {
    async fn run_plain(&mut self, sql: &str) -> Result<(), StoreError> {
        let done = self.client.batch_execute(sql).await;
        done.map_err(|error| self.failed(&error))
    }
}
