//! The one thread that writes: it takes what has queued up, runs it in one transaction and commits once.
//! Does not reply before the commit, and lets no write that fails take another with it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use taskwright_registry::Timestamp;
use tokio::sync::{broadcast, oneshot};

use super::failure::{of_begin, of_commit};
use super::identity::Identity;
use super::rows::SqliteRows;
use crate::clock::{self, Clock};
use crate::committed::Committed;
use crate::{Change, StoreError};

/// One write that waits for its turn.
pub(super) trait Job: Send {
    /// Does the work inside the transaction; `false` if it refused or failed and must leave nothing behind.
    fn run(&mut self, rows: &mut SqliteRows<'_>, now: Timestamp) -> bool;
    /// Tells the caller: its own outcome if the transaction is committed, else why not.
    fn reply(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What the writer is sent.
pub(super) enum Order {
    /// Something to write.
    Write(Box<dyn Job>),
    /// Somebody listens to changes from now on.
    Listen,
    /// Nothing is to be written behind what has queued up before.
    End,
}

/// A job made of a function.
struct Verb<F, T> {
    verb: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

/// Makes a job and the receiver of its outcome.
pub(super) fn job<F, T>(verb: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>)
where
    F: FnOnce(&mut SqliteRows<'_>, Timestamp) -> Result<T, StoreError> + Send + 'static,
    T: Send + 'static,
{
    let (reply, outcome) = oneshot::channel();
    (Box::new(Verb { verb: Some(verb), outcome: None, reply }), outcome)
}

impl<F, T> Job for Verb<F, T>
where
    F: FnOnce(&mut SqliteRows<'_>, Timestamp) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, rows: &mut SqliteRows<'_>, now: Timestamp) -> bool {
        let Some(verb) = self.verb.take() else {
            return false;
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| verb(rows, now))).unwrap_or_else(|_| {
            tracing::error!("a write panicked and was rolled back");
            Err(StoreError::Unavailable { reason: "the write panicked and was rolled back".to_owned() })
        });
        self.outcome.insert(outcome).is_ok()
    }

    fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
        let outcome = match (committed, self.outcome) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Unavailable { reason: "the write was not run".to_owned() }),
        };
        // A caller that no longer waits need not hear.
        let _ = self.reply.send(outcome);
    }
}

/// The writer's side of a store.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) identity: Arc<Identity>,
    pub(super) orders: Receiver<Order>,
    pub(super) changes: broadcast::Sender<Change>,
    pub(super) clock: Clock,
    pub(super) max_batch: usize,
    pub(super) poll: Duration,
    pub(super) commits: Arc<AtomicU64>,
    /// Whether it was told to end.
    pub(super) ended: Cell<bool>,
}

/// How the run of one job left the transaction.
enum After {
    /// It is as it should be.
    Whole,
    /// SQLite has rolled it back, with all that was in it.
    Lost(StoreError),
}

impl Writer {
    /// Works until all senders are gone, or it is told to end.
    pub(super) fn work(mut self) {
        self.work_off();
        self.identity.leave_alone_if_gone(&self.connection);
    }

    fn work_off(&mut self) {
        let mut seen = self.data_version();
        let (mut looked, mut there) = (Instant::now(), true);
        loop {
            let order = if self.changes.receiver_count() == 0 {
                self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.orders.recv_timeout(self.poll.saturating_sub(looked.elapsed()))
            };
            match order {
                Ok(Order::Write(first)) => self.batch(first),
                Ok(Order::Listen) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.ended.get() {
                return;
            }
            if looked.elapsed() >= self.poll {
                let now = self.data_version();
                // Whoever waits for news would wait for ever.
                let lost = there && self.identity.check().is_err();
                there &= !lost;
                if now != seen || lost {
                    self.announce(Change::Elsewhere);
                }
                seen = now;
                looked = Instant::now();
            }
        }
    }

    /// Changes when, and only when, another connection has committed.
    fn data_version(&self) -> Option<i64> {
        let look = || self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0));
        look().inspect_err(|error| tracing::warn!(%error, "cannot see whether another process wrote")).ok()
    }

    fn announce(&self, change: Change) {
        // Nobody listening is fine.
        let _ = self.changes.send(change);
    }

    /// One transaction for `first` and all that has queued up behind it.
    fn batch(&mut self, first: Box<dyn Job>) {
        let begun = self.identity.check().and_then(|()| self.execute("BEGIN IMMEDIATE").map_err(of_begin));
        if let Err(error) = begun {
            tracing::warn!(%error, "cannot begin to write");
            // Those behind it have waited for the same lock. All are taken before any is told: what is written because of the
            // reply has waited for nothing yet.
            let mut refused = vec![first];
            refused.extend(std::iter::from_fn(|| self.queued()));
            return refused.into_iter().for_each(|job| job.reply(Err(error.clone())));
        }
        let mut done: Vec<Box<dyn Job>> = Vec::new();
        let mut announced = Committed::default();
        let mut next = Some(first);
        while let Some(mut job) = next {
            let after = self.run(job.as_mut(), &mut announced);
            done.push(job);
            if let After::Lost(error) = after {
                tracing::error!(%error, writes = done.len(), "the transaction was rolled back");
                let _ = self.execute("ROLLBACK");
                return done.into_iter().for_each(|job| job.reply(Err(error.clone())));
            }
            next = if done.len() < self.max_batch { self.queued() } else { None };
        }
        // What was committed to a file that was removed meanwhile is not done.
        let committed = self.execute("COMMIT").map_err(of_commit).and_then(|()| self.identity.check());
        let committed = committed.inspect_err(|error| {
            tracing::error!(%error, writes = done.len(), "the commit failed");
            if !self.connection.is_autocommit() {
                let _ = self.execute("ROLLBACK");
            }
        });
        if committed.is_ok() {
            self.commits.fetch_add(1, Ordering::Relaxed);
            announced.tell(&self.changes);
        }
        done.into_iter().for_each(|job| job.reply(committed.clone()));
    }

    /// Runs one job so that it leaves nothing behind if it fails.
    fn run(&self, job: &mut dyn Job, announced: &mut Committed) -> After {
        let lost = |error| After::Lost(StoreError::Unavailable { reason: format!("rolled back: {error}") });
        if let Err(error) = self.execute("SAVEPOINT job") {
            return lost(error);
        }
        let mut rows = SqliteRows::new(&self.connection);
        let keep = job.run(&mut rows, clock::read(&self.clock));
        if keep {
            announced.append(std::mem::take(&mut rows.announced));
        }
        drop(rows);
        if self.connection.is_autocommit() {
            let reason = "rolled back: the disk is full or failed during the transaction".to_owned();
            return After::Lost(StoreError::Unavailable { reason });
        }
        if !keep && let Err(error) = self.execute("ROLLBACK TO job") {
            return lost(error);
        }
        match self.execute("RELEASE job") {
            Ok(()) => After::Whole,
            Err(error) => lost(error),
        }
    }

    fn queued(&self) -> Option<Box<dyn Job>> {
        if self.ended.get() {
            return None;
        }
        loop {
            match self.orders.try_recv() {
                Ok(Order::Write(job)) => return Some(job),
                Ok(Order::Listen) => {}
                Ok(Order::End) => {
                    self.ended.set(true);
                    return None;
                }
                Err(_) => return None,
            }
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// A job that tells what became of it, and does something then.
    struct Told<F> {
        outcome: Sender<Result<(), StoreError>>,
        then: F,
    }

    impl<F: FnOnce() + Send> Job for Told<F> {
        fn run(&mut self, _: &mut SqliteRows<'_>, _: Timestamp) -> bool {
            true
        }

        fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
            let _ = self.outcome.send(committed);
            (self.then)();
        }
    }

    // L3
    #[test]
    fn a_write_that_comes_after_a_refusal_is_not_refused_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.db");
        let connection = Connection::open(&path).unwrap();
        connection.busy_timeout(Duration::from_millis(1)).unwrap();
        let lock = Connection::open(&path).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (give, orders) = channel();
        let writer = Writer {
            connection,
            identity: Arc::new(Identity::of(path)),
            orders,
            changes: broadcast::channel(1).0,
            clock: Arc::new(|| Timestamp::UNIX_EPOCH),
            max_batch: 8,
            poll: Duration::from_secs(1),
            commits: Arc::default(),
            ended: Cell::new(false),
        };
        let (outcome, outcomes) = channel();
        let again = give.clone();
        let then = || {};
        let second = Told { outcome: outcome.clone(), then };
        let first = Told {
            outcome: outcome.clone(),
            then: move || {
                lock.execute_batch("ROLLBACK").unwrap();
                again.send(Order::Write(Box::new(second))).unwrap();
            },
        };
        give.send(Order::Write(Box::new(first))).unwrap();
        give.send(Order::Write(Box::new(Told { outcome, then }))).unwrap();
        drop(give);
        writer.work();
        let told: Vec<bool> = outcomes.iter().map(|outcome| outcome.is_ok()).collect();
        assert_eq!(told, [false, false, true], "the one behind had waited for the lock, the last had not");
    }
}
