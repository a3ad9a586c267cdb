//! Writes that come while others are being committed wait, and are committed together.
//! Does not let one take another with it: where a transaction of several fails, each of them is tried alone.

use std::collections::{HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use taskwright_registry::SessionId;
use tokio::sync::oneshot;

use super::about::About;
use super::rows::PgRows;
use super::transaction::{Now, Shared, Verb};
use crate::StoreError;
use crate::committed::Committed;

/// How many transactions of queued writes are on their way at one time. While one flushes its log, the next is prepared; more would
/// only make each of them smaller.
const AT_ONCE: usize = 2;
/// The most writes of one transaction.
const TOGETHER: usize = 128;
/// From how many bytes on what waits is sent before the next write of the transaction is run.
const FULL: usize = 1 << 20;
/// How often a transaction that met another one is tried again.
const TRIES: u32 = 10;

/// One write.
pub(super) trait Job: Send {
    fn about(&self) -> &About;
    /// Does the work inside of a transaction; `false` if it was refused or failed. It may be run several times.
    fn run<'r>(&'r mut self, rows: &'r mut PgRows, now: Now) -> BoxFuture<'r, bool>;
    /// Tells the caller: its own outcome if the transaction is committed, else why not.
    fn reply(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A job made of a verb.
pub(super) struct Write<T> {
    pub(super) about: About,
    pub(super) verb: Verb<T>,
    pub(super) outcome: Option<Result<T, StoreError>>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send + 'static> Job for Write<T> {
    fn about(&self) -> &About {
        &self.about
    }

    fn run<'r>(&'r mut self, rows: &'r mut PgRows, now: Now) -> BoxFuture<'r, bool> {
        Box::pin(async move {
            let outcome = AssertUnwindSafe((self.verb)(rows, now)).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|_| {
                tracing::error!("a write panicked and was rolled back");
                Err(StoreError::Unavailable { reason: "the write panicked and was rolled back".to_owned() })
            });
            self.outcome.insert(outcome).is_ok()
        })
    }

    fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
        let outcome = match (committed, self.outcome) {
            // What was refused was not part of what failed.
            (Err(error), None | Some(Ok(_))) => Err(error),
            (_, Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Unavailable { reason: "the write was not run".to_owned() }),
        };
        // A caller that no longer waits need not hear.
        let _ = self.reply.send(outcome);
    }
}

/// Writes that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Box<dyn Job>>,
    /// Sessions of writes that are on their way: another transaction would only wait for their locks.
    busy: HashSet<SessionId>,
    running: usize,
}

impl Queue {
    /// The next writes to be committed together, in the order in which they came.
    fn next(&mut self) -> Vec<Box<dyn Job>> {
        let mut together: Vec<Box<dyn Job>> = Vec::new();
        let mut rest = VecDeque::new();
        while let Some(job) = self.waiting.pop_front() {
            let free = job.about().sessions().iter().all(|session| !self.busy.contains(session));
            if !free {
                rest.push_back(job);
                continue;
            }
            together.push(job);
            if together.len() == TOGETHER {
                break;
            }
        }
        rest.append(&mut self.waiting);
        self.waiting = rest;
        self.busy.extend(together.iter().flat_map(|job| job.about().sessions().iter().cloned()));
        together
    }
}

/// How a transaction ended without having been committed.
enum Failed {
    /// For all of its writes: they need not be tried again, or must not.
    All(StoreError),
    /// Because of one of its writes, or because it met another transaction.
    One { again: bool, error: StoreError },
}

impl Shared {
    /// Takes a write that may be committed together with others.
    pub(super) fn enqueue(self: &Arc<Self>, job: Box<dyn Job>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.push_back(job);
        if queue.running < AT_ONCE {
            queue.running += 1;
            self.runtime.spawn(self.clone().work_off());
        }
    }

    async fn work_off(self: Arc<Self>) {
        loop {
            let together = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let together = queue.next();
                if together.is_empty() {
                    // Whoever has the sessions that the others wait for looks again when it is done.
                    queue.running -= 1;
                    return;
                }
                together
            };
            let sessions: Vec<SessionId> =
                together.iter().flat_map(|job| job.about().sessions().iter().cloned()).collect();
            // Whatever happens there, the sessions are free again, and those that wait have their turn.
            if AssertUnwindSafe(self.commit_together(together)).catch_unwind().await.is_err() {
                tracing::error!("a transaction panicked; its writes are not known to be done");
            }
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            for session in sessions {
                queue.busy.remove(&session);
            }
        }
    }

    async fn commit_together(self: &Arc<Self>, mut jobs: Vec<Box<dyn Job>>) {
        match self.try_to_commit(&mut jobs).await {
            Ok(committed) => {
                let told = self.tell(committed);
                // The next transaction need not wait until others have heard of this one.
                self.runtime.spawn(async move {
                    told.await;
                    jobs.into_iter().for_each(|job| job.reply(Ok(())));
                });
            }
            Err(Failed::All(error)) => jobs.into_iter().for_each(|job| job.reply(Err(error.clone()))),
            Err(Failed::One { .. }) => {
                for job in jobs {
                    self.commit_alone(job).await;
                }
            }
        }
    }

    /// Commits one write, in a transaction that is tried again when it meets another one.
    pub(super) async fn commit_alone(self: &Arc<Self>, job: Box<dyn Job>) {
        let mut jobs = vec![job];
        let mut tries = 0;
        let committed = loop {
            tries += 1;
            match self.try_to_commit(&mut jobs).await {
                Ok(committed) => {
                    self.tell(committed).await;
                    break Ok(());
                }
                Err(Failed::One { again: true, .. }) if tries < TRIES => {
                    tokio::time::sleep(Duration::from_millis(u64::from(tries) * 2)).await;
                }
                Err(Failed::All(error) | Failed::One { error, .. }) => break Err(error),
            }
        };
        jobs.into_iter().for_each(|job| job.reply(committed.clone()));
    }

    /// Runs writes in one transaction and commits it.
    async fn try_to_commit(self: &Arc<Self>, jobs: &mut [Box<dyn Job>]) -> Result<Committed, Failed> {
        let mut about = About::default();
        jobs.iter().for_each(|job| about.join(job.about()));
        let mut rows = self.rows(true).await.map_err(Failed::All)?;
        let outcome = rows.run_all(&about, jobs).await;
        if outcome.is_err() {
            rows.roll_back().await;
        }
        let committed = std::mem::take(&mut rows.announced);
        // Whoever tells others needs a connection.
        rows.give_back();
        outcome.map(|()| committed)
    }
}

impl PgRows {
    async fn run_all(&mut self, about: &About, jobs: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        let now = match self.begin(about).await {
            Ok(now) => now,
            Err(error) => return Err(self.how(error)),
        };
        for job in jobs.iter_mut() {
            let before = self.unit.writes;
            let done = job.run(self, now.clone()).await;
            // A verb decides before it writes; one that did not has left something behind.
            if self.broken || (!done && self.unit.writes != before) {
                let error = StoreError::Unavailable { reason: "it failed, and was rolled back".to_owned() };
                return Err(self.how(error));
            }
            if self.unit.bytes > FULL
                && let Err(error) = self.flush().await
            {
                return Err(self.how(error));
            }
        }
        match self.commit().await {
            Ok(()) => Ok(()),
            Err(error @ StoreError::Unknown { .. }) => Err(Failed::All(error)),
            Err(error) => Err(self.how(error)),
        }
    }

    fn how(&self, error: StoreError) -> Failed {
        Failed::One { again: self.met_another, error }
    }
}
