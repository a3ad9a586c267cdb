//! The only way by which an instance's writes reach the store: with its fence, while its host holds its lease, and in spite
//! of a store that hiccups.
//! Does not judge a write: the core does. It notices when the answer means that the instance has no say any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use taskwright_registry::{
    Fence, HostRef, MessageId, NewChild, NewMessage, Phase, Rejection, SessionId, Task, TaskId, TaskUpdate,
};
use taskwright_store::{Created, ErrorClass, RecordedMessage, Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::lease::HostLease;
use crate::record_allowance::RecordAllowance;
use crate::signal::Signal;
use crate::write_pace::{WritePace, weight};

/// How long a write is tried again before the guest is told that the store cannot be used.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often one write follows a task that moves.
const MOVES: u32 = 16;
/// Before the first repetition; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// Bound to one session, task, attempt and claim.
pub(crate) struct FencedWriter {
    pub(crate) store: Arc<dyn Store>,
    /// The lease under which the claim was made; none for work that is done elsewhere.
    lease: Option<Arc<HostLease>>,
    /// Who has made the claim.
    host: HostRef,
    /// Where the task is, as far as is known: it may be moved while its instance goes on (L48).
    session: Mutex<SessionId>,
    pub(crate) id: TaskId,
    pub(crate) fence: Fence,
    lost: Signal<bool>,
    pace: WritePace,
    /// What the instance may still make the store write. Who makes a report asks.
    pub(crate) records: RecordAllowance,
}

impl FencedWriter {
    /// For a task as it was claimed.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        lease: Option<Arc<HostLease>>,
        host: HostRef,
        task: &Task,
        records: RecordAllowance,
    ) -> Self {
        let (session, id, fence) = (task.session_id.clone(), task.id.clone(), task.fence());
        Self {
            store,
            lease,
            host,
            session: Mutex::new(session),
            id,
            fence,
            lost: Signal::new(false),
            pace: WritePace::default(),
            records,
        }
    }

    /// The session of the task, as far as is known.
    pub(crate) fn session(&self) -> SessionId {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a call in the task's session, and makes it again where the task is if it has moved.
    pub(crate) async fn at_home<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        call: impl Fn(SessionId) -> F,
    ) -> Result<T, StoreError> {
        let mut moves = 0;
        loop {
            let session = self.session();
            match call(session.clone()).await {
                Err(error @ StoreError::NotFound { .. }) if moves < MOVES => {
                    moves += 1;
                    let task = match self.store.claimed_task(&self.id, self.fence).await {
                        Ok(Some(task)) if task.session_id != session => task,
                        Err(trouble) if trouble.may_pass() => {
                            return Err(StoreError::Unavailable { reason: trouble.to_string() });
                        }
                        _ => return Err(error),
                    };
                    tracing::info!(task = %self.id, from = %session, to = %task.session_id, "a task moved while it ran");
                    *self.session.lock().unwrap_or_else(PoisonError::into_inner) = task.session_id;
                }
                other => return other,
            }
        }
    }

    /// The record of the task.
    pub(crate) async fn record(&self) -> Result<Task, StoreError> {
        self.at_home(|session| async move { self.store.get(&session, &self.id).await }).await
    }

    /// Becomes true when a write was refused because the instance has no say any more.
    pub(crate) fn lost(&self) -> Signal<bool> {
        self.lost.clone()
    }

    /// An update that changes nothing yet.
    pub(crate) fn blank(&self) -> TaskUpdate {
        TaskUpdate { fence: Some(self.fence), ..TaskUpdate::default() }
    }

    /// Refuses if the instance is known to have no say any more. `write` names the write for the metric.
    pub(crate) fn check(&self, write: &'static str) -> Result<(), StoreError> {
        // Who works elsewhere is told by the store each time, and precisely.
        let Some(lease) = &self.lease else { return Ok(()) };
        if self.lost.look(|lost| *lost) || !lease.holds(&self.host) {
            self.refused(write);
            return Err(StoreError::LeaseLost { host: self.host.clone() });
        }
        Ok(())
    }

    fn refused(&self, write: &'static str) {
        self.lost.raise();
        metrics::counter!("taskwright_writes_refused_total", "write" => write).increment(1);
    }

    /// Changes the task. `landed` tells from a record whether the update is in it already; it is asked when the reply to an
    /// earlier try was lost. Updates that may be repeated say no.
    pub(crate) async fn update(
        &self,
        write: &'static str,
        update: TaskUpdate,
        landed: impl Fn(&Task) -> bool + Sync,
    ) -> Result<Task, StoreError> {
        let (update, landed) = (&update, &landed);
        let written = self.persist(write, move |uncertain| async move {
            if uncertain {
                let found = self.record().await?;
                if found.fence() == self.fence && landed(&found) {
                    return Ok(found);
                }
            }
            self.at_home(|session| async move { self.store.update(&session, &self.id, update.clone()).await }).await
        });
        let task = written.await?;
        self.records.record_is(&task);
        if let Some(wait) = self.pace.wrote(weight(&task, update.checkpoint.as_ref().map_or(0, Vec::len))) {
            sleep(wait).await;
        }
        Ok(task)
    }

    /// Records a message. Its id makes a repetition harmless.
    pub(crate) async fn message(&self, message: NewMessage) -> Result<RecordedMessage, StoreError> {
        let message = &message;
        let once = move |session: SessionId| async move {
            self.store.record_message(&session, &self.id, message.clone()).await
        };
        self.persist("message", |_| self.at_home(once)).await
    }

    /// Begins a child. The name of its call makes a repetition harmless.
    pub(crate) async fn child(&self, child: NewChild) -> Result<Created, StoreError> {
        let child = &child;
        let once =
            move |session: SessionId| async move { self.store.create_child(&session, &self.id, child.clone()).await };
        self.persist("child", |_| self.at_home(once)).await
    }

    /// Refuses if the instance has no say any more, by the record as it is now. For what is written elsewhere, where no fence
    /// is looked at.
    pub(crate) async fn check_record(&self, write: &'static str) -> Result<(), StoreError> {
        self.check(write)?;
        let task = self.insist(write, |_| self.record()).await?;
        if task.fence() == self.fence && task.dispatch.phase == Phase::Resident {
            return Ok(());
        }
        self.refused(write);
        Err(Rejection::Superseded { expected: self.fence, actual: task.fence() }.into())
    }

    /// Notes that the instance has taken a message.
    pub(crate) async fn delivered(&self, message: &MessageId) -> Result<(), StoreError> {
        let once = move |session: SessionId| async move {
            self.store.mark_delivered(&session, &self.id, self.fence, message).await
        };
        self.persist("delivery", |_| self.at_home(once)).await
    }

    /// Makes a write about the task itself until the store has said yes or no, or the patience is over. A refusal may mean that
    /// the instance has no say any more.
    async fn persist<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        write: &'static str,
        once: impl FnMut(bool) -> F,
    ) -> Result<T, StoreError> {
        let done = self.insist(write, once).await;
        if done.as_ref().is_err_and(no_say_any_more) {
            self.refused(write);
        }
        done
    }

    /// Makes a call until the store has said yes or no, or the patience is over, for as long as the host holds its lease. `once`
    /// is told whether the reply to an earlier try was lost. What the store says may be about another task than the instance's
    /// own, and is no word about the instance.
    pub(crate) async fn insist<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        write: &'static str,
        mut once: impl FnMut(bool) -> F,
    ) -> Result<T, StoreError> {
        let give_up = Instant::now() + PATIENCE;
        let (mut wait, mut uncertain) = (FIRST_WAIT, false);
        loop {
            self.check(write)?;
            match once(uncertain).await {
                Err(error) if error.may_pass() && Instant::now() + wait < give_up => {
                    tracing::warn!(task = %self.id, write, %error, "a write is tried again");
                    uncertain |= error.class() == ErrorClass::Unknown;
                    sleep(wait).await;
                    wait *= 2;
                }
                done => return done,
            }
        }
    }
}

/// Whether a refusal holds for everything that the instance could still write.
pub(crate) fn no_say_any_more(error: &StoreError) -> bool {
    let refused = |rejection: &Rejection| {
        matches!(rejection, Rejection::Superseded { .. } | Rejection::Terminal { .. } | Rejection::OutOfPhase { .. })
    };
    matches!(error, StoreError::NotFound { .. })
        || matches!(error, StoreError::Rejected(rejection) if refused(rejection))
}
