//! Gives the wakes of all sessions to the embedder's waker: one call for a session at a time, what comes meanwhile with the
//! next one, at the session's pace, and again after what did not work.
//! Does not write wakes, and keeps nothing but paces in memory: what is not acknowledged is in the store, whoever wrote it.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use taskwright_registry::{SessionId, Wake};
use taskwright_store::{ClaimedWakes, StoreError};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::runner::Inner;
use crate::wake_news::News;
use crate::wake_pace::WakePace;
use crate::{Runner, RunnerError, Waker, WakerConfig, metric};

/// A look at the store even if nothing was heard, in case something was missed.
const SAFETY_POLL: Duration = Duration::from_secs(5);
/// How long to wait after the store could not be asked.
const AFTER_ERROR: Duration = Duration::from_millis(250);
/// Sessions that are read at a time.
const PAGE: usize = 1_000;
/// For how long a call counts among those that are begun at the same time.
const COUNTS_FOR: Duration = Duration::from_secs(1);
/// How often it is tried to acknowledge what was taken.
const ACKNOWLEDGE_TRIES: u32 = 5;

impl Runner {
    /// From now on until the runner drains, gives all wakes of this store to a waker: those that are there, whoever wrote them,
    /// and those to come. Wakes of sessions that poll with [`crate::Session::wakes`] are among them.
    ///
    /// Of several processes over one store that do this one delivers the wakes of a session; another goes on when that one is
    /// lost, drains, or its waker fails. So this runner holds a lease from now on, as one that serves does.
    ///
    /// # Errors
    /// `WakerPresent` if this runner has a waker already.
    pub fn deliver_wakes(&self, waker: impl Waker, config: WakerConfig) -> Result<(), RunnerError> {
        if self.inner.has_waker.set(()).is_err() {
            return Err(RunnerError::WakerPresent);
        }
        self.keep_up();
        self.inner.hub.wakes.listen();
        let delivery = Delivery {
            places: Arc::new(Semaphore::new(config.at_once.clamp(1, Semaphore::MAX_PERMITS))),
            inner: self.inner.clone(),
            waker: Arc::new(waker),
            config: Arc::new(config),
            sessions: HashMap::new(),
            due: BTreeSet::new(),
            calls: FuturesUnordered::new(),
            look_at: Instant::now() + SAFETY_POLL,
        };
        self.inner.deliveries.spawn(delivery.run());
        Ok(())
    }
}

/// Where a session is.
enum At {
    /// Nothing of it is known to wait.
    Rest,
    /// It is called when its time has come.
    Due,
    /// A call is under way.
    Called {
        /// Whether there is more since it began.
        again: bool,
    },
}

struct Known {
    pace: WakePace,
    at: At,
}

/// What came of a call.
enum Outcome {
    /// There was nothing to give here.
    Nothing,
    /// Another host delivers the session's wakes.
    Elsewhere,
    /// The wakes were taken and acknowledged.
    Taken {
        /// Whether there may be more.
        more: bool,
    },
    /// They will be given again.
    Failed,
}

struct Called {
    session: SessionId,
    /// When the waker was called, if it was.
    at: Option<Instant>,
    outcome: Outcome,
}

struct Delivery {
    inner: Arc<Inner>,
    waker: Arc<dyn Waker>,
    config: Arc<WakerConfig>,
    /// For calls that are begun at the same time.
    places: Arc<Semaphore>,
    sessions: HashMap<SessionId, Known>,
    due: BTreeSet<(Instant, SessionId)>,
    calls: FuturesUnordered<BoxFuture<'static, Called>>,
    look_at: Instant,
}

impl Delivery {
    async fn run(mut self) {
        let inner = self.inner.clone();
        loop {
            let first = self.due.first().map(|(at, _)| *at);
            tokio::select! {
                biased;
                () = inner.drain.raised() => break,
                Some(called) = self.calls.next(), if !self.calls.is_empty() => self.called(called),
                news = inner.hub.wakes.next() => match news {
                    News::Of(sessions) => sessions.into_iter().for_each(|session| self.hear(session)),
                    News::Anywhere => self.look().await,
                },
                () = sleep_until(first.unwrap_or(self.look_at)), if first.is_some() => self.call_due(),
                () = sleep_until(self.look_at) => self.look().await,
            }
        }
        // What is under way may end. What a call that is dropped then has not taken, whoever delivers next gives again.
        let end = async { while self.calls.next().await.is_some() {} };
        let _ = tokio::time::timeout(inner.config.drain_grace, end).await;
    }

    /// Reads which sessions have wakes.
    async fn look(&mut self) {
        let mut after = None;
        loop {
            match self.inner.store.sessions_with_wakes(after, PAGE).await {
                Ok(page) => {
                    page.sessions.into_iter().for_each(|session| self.hear(session));
                    after = page.next;
                }
                Err(error) => {
                    tracing::warn!(%error, "which sessions have wakes cannot be looked up now");
                    self.look_at = Instant::now() + AFTER_ERROR;
                    return;
                }
            }
            if after.is_none() {
                break;
            }
        }
        let now = Instant::now();
        self.sessions.retain(|_, known| !matches!(known.at, At::Rest) || !known.pace.rested(now));
        self.look_at = now + SAFETY_POLL;
    }

    /// A session has wakes. While a call is under way or the pace holds it back, they wait for the next one together.
    fn hear(&mut self, session: SessionId) {
        let now = Instant::now();
        let fresh = || Known { pace: WakePace::new(now), at: At::Rest };
        let known = self.sessions.entry(session.clone()).or_insert_with(fresh);
        match &mut known.at {
            At::Rest => {
                let at = known.pace.ready_at(now, &self.config);
                known.at = At::Due;
                self.due.insert((at, session));
            }
            At::Due => {}
            At::Called { again } => *again = true,
        }
    }

    fn call_due(&mut self) {
        let now = Instant::now();
        while self.due.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, session)) = self.due.pop_first()
        {
            if let Some(known) = self.sessions.get_mut(&session) {
                known.at = At::Called { again: false };
            }
            let call = Call {
                inner: self.inner.clone(),
                waker: self.waker.clone(),
                config: self.config.clone(),
                places: self.places.clone(),
                session: session.clone(),
            };
            // In a task of its own: what it computes holds up nobody here.
            let call = AbortOnDropHandle::new(tokio::spawn(call.make()));
            let lost = move |_| Called { session, at: None, outcome: Outcome::Failed };
            self.calls.push(async move { call.await.unwrap_or_else(lost) }.boxed());
        }
    }

    fn called(&mut self, called: Called) {
        let Called { session, at, outcome } = called;
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let again = matches!(known.at, At::Called { again: true });
        let now = Instant::now();
        if let Some(at) = at {
            known.pace.called(at, &self.config);
        }
        known.at = At::Rest;
        let more = match outcome {
            Outcome::Nothing => again,
            Outcome::Elsewhere => {
                // Should that host be lost, a later look finds the wakes again.
                known.pace.rest_until(now + SAFETY_POLL);
                false
            }
            Outcome::Taken { more } => {
                known.pace.succeeded();
                more || again
            }
            Outcome::Failed => {
                let pause = known.pace.failed(now, &self.config, self.inner.chance.share());
                tracing::debug!(%session, ?pause, "its wakes are given again");
                true
            }
        };
        if more {
            self.hear(session);
        }
    }
}

/// One call for one session.
struct Call {
    inner: Arc<Inner>,
    waker: Arc<dyn Waker>,
    config: Arc<WakerConfig>,
    places: Arc<Semaphore>,
    session: SessionId,
}

impl Call {
    async fn make(self) -> Called {
        let session = self.session.clone();
        // The semaphore is never closed. What is written while this waits comes with the same call.
        let place = self.places.acquire().await;
        let host = self.inner.lease.host().await;
        let store = &self.inner.store;
        let wakes = match store.claim_wakes(&session, &host, self.config.batch.clamp(1, PAGE)).await {
            Ok(ClaimedWakes::Here(wakes)) => wakes,
            Ok(ClaimedWakes::Elsewhere(_)) => return Called { session, at: None, outcome: Outcome::Elsewhere },
            Err(error) => {
                tracing::warn!(%session, %error, "its wakes cannot be read now");
                return Called { session, at: None, outcome: Outcome::Failed };
            }
        };
        if wakes.is_empty() {
            return Called { session, at: None, outcome: Outcome::Nothing };
        }
        let at = Some(Instant::now());
        let more = wakes.more;
        let taken = {
            let giving = self.give(wakes.items.clone());
            tokio::pin!(giving);
            tokio::select! {
                biased;
                taken = &mut giving => taken,
                () = sleep(COUNTS_FOR) => {
                    drop(place);
                    giving.await
                }
            }
        };
        let outcome = match taken {
            Ok(()) => self.acknowledge(&wakes).await.map_or(Outcome::Failed, |()| Outcome::Taken { more }),
            Err(reason) => {
                metric::wakes_failed(reason);
                // Another host's waker may fare better meanwhile.
                if let Err(error) = store.release_wakes(&session, &host).await {
                    tracing::debug!(%session, %error, "its wakes stay with this host");
                }
                Outcome::Failed
            }
        };
        Called { session, at, outcome }
    }

    /// Calls the waker. The error is a word for the metric.
    async fn give(&self, wakes: Vec<Wake>) -> Result<(), &'static str> {
        let session = &self.session;
        let call = AssertUnwindSafe(async { self.waker.wake(session, wakes).await }).catch_unwind();
        match tokio::time::timeout(self.config.timeout, call).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => {
                tracing::warn!(%session, %error, "the waker failed");
                Err("error")
            }
            Ok(Err(_)) => {
                tracing::error!(%session, "the waker panicked; the wakes are kept and given again");
                Err("panic")
            }
            Err(_) => {
                tracing::warn!(%session, timeout = ?self.config.timeout, "the waker took too long; the wakes are kept and given again");
                Err("timeout")
            }
        }
    }

    async fn acknowledge(&self, wakes: &[Wake]) -> Result<(), StoreError> {
        let ids: Vec<u64> = wakes.iter().map(|wake| wake.id).collect();
        let mut wait = Duration::from_millis(10);
        for left in (0..ACKNOWLEDGE_TRIES).rev() {
            match self.inner.store.acknowledge_wakes(&self.session, &ids).await {
                Ok(_) => {
                    metric::wakes_delivered(wakes, self.inner.store.now());
                    return Ok(());
                }
                Err(error) if left == 0 => {
                    tracing::warn!(session = %self.session, %error, "delivered wakes were not acknowledged: they come again");
                    metric::wakes_failed("acknowledge");
                    return Err(error);
                }
                Err(_) => sleep(wait).await,
            }
            wait *= 2;
        }
        Ok(())
    }
}
