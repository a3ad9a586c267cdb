//! This host's lease: takes it, renews it at a third of its length, and says when it is lost.
//! Does not stop an instance: each execution does, as soon as it hears of the loss here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use taskwright_registry::{HostId, HostRef, LeaseLength};
use taskwright_store::{Store, StoreError};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::at_work::AtWork;
use crate::signal::Signal;

/// How long to wait for a store that could not be asked, at most.
const AFTER_ERROR: Duration = Duration::from_millis(250);
/// How long the store may take to hear that the lease is given up; it runs out by itself.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A host's view of its own lease.
pub(crate) struct HostLease {
    id: HostId,
    length: LeaseLength,
    /// The epoch that this host holds. It changes when a lease is taken or lost and not with each renewal, so that what the
    /// lease costs does not grow with the tasks that wait for its loss.
    held: Signal<Option<HostRef>>,
    /// Until when this host may act, on a clock that nobody can set.
    stop_at: Mutex<Option<Instant>>,
    closing: Signal<bool>,
    closed: Signal<bool>,
    /// That the store is not there any more, once it was noticed: no lease is taken again.
    gone: Signal<Option<StoreError>>,
}

impl HostLease {
    pub(crate) fn new(id: HostId, length: LeaseLength) -> Self {
        Self {
            id,
            length,
            held: Signal::new(None),
            stop_at: Mutex::default(),
            closing: Signal::new(false),
            closed: Signal::new(true),
            gone: Signal::new(None),
        }
    }

    /// The epoch that is held; waits for one.
    pub(crate) async fn host(&self) -> HostRef {
        self.held.wait_for(Option::clone).await
    }

    /// Whether an instance of this epoch may still write. Whoever asks needs no other task to have run in time.
    pub(crate) fn holds(&self, host: &HostRef) -> bool {
        let in_time = self.stop_at.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| Instant::now() < at);
        in_time && self.held.look(|held| held.as_ref() == Some(host))
    }

    /// Waits until this epoch is lost; at once if it is.
    pub(crate) async fn lost(&self, host: &HostRef) {
        self.held.wait_for(|held| (held.as_ref() != Some(host)).then_some(())).await;
    }

    /// Waits until the store is found to be gone.
    pub(crate) async fn store_gone(&self) -> StoreError {
        self.gone.wait_for(Option::clone).await
    }

    /// Gives the lease up; returns when the store knows, or has refused to hear.
    pub(crate) async fn close(&self) {
        self.closing.raise();
        self.closed.raised().await;
    }

    fn set(&self, held: Option<(HostRef, Instant)>) {
        let (host, stop_at) = held.unzip();
        *self.stop_at.lock().unwrap_or_else(PoisonError::into_inner) = stop_at;
        self.held.change(|held| {
            let changed = *held != host;
            *held = host;
            changed
        });
    }

    /// Holds a lease until it is to be closed, one epoch after the other. Ends with the lease.
    pub(crate) async fn keep(&self, store: Arc<dyn Store>, at_work: &AtWork) {
        self.closed.change(|closed| std::mem::replace(closed, false));
        let mut host = HostRef { id: self.id.clone(), epoch: 0 };
        tokio::select! {
            biased;
            () = self.closing.raised() => {}
            () = async {
                loop {
                    host.epoch += 1;
                    let renewed = match self.open(store.as_ref(), &host).await {
                        Ok(None) => continue,
                        Ok(Some(stop_at)) => {
                            self.set(Some((host.clone(), stop_at)));
                            self.renew(store.as_ref(), &host, stop_at).await
                        }
                        Err(gone) => Err(gone),
                    };
                    self.set(None);
                    if let Err(gone) = renewed {
                        tracing::error!(error = %gone, "all instances are stopped, and nothing is claimed any more");
                        self.gone.change(|known| known.replace(gone).is_none());
                        return;
                    }
                    metrics::counter!("taskwright_leases_lost_total").increment(1);
                    // The next epoch ends this one for good. An outcome that is on its way gets there first.
                    at_work.nothing().await;
                }
            } => {}
        }
        self.set(None);
        if host.epoch > 0 && self.gone.look(Option::is_none) {
            match timeout(LAST_WORD, store.close_lease(&host)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the lease was not given up; it will run out"),
                Err(_) => tracing::warn!("the store did not hear in time that the lease was given up; it will run out"),
            }
        }
        self.closed.raise();
    }

    /// Takes the lease of an epoch; nothing if the epoch is used up. The only error is `Gone`.
    async fn open(&self, store: &dyn Store, host: &HostRef) -> Result<Option<Instant>, StoreError> {
        loop {
            let asked = Instant::now();
            match store.open_lease(host, self.length).await {
                Ok(_) if asked.elapsed() < self.length.stop_after() => {
                    return Ok(Some(asked + self.length.stop_after()));
                }
                // It took so long that the lease may be over; the next renewal would not be in time.
                Ok(_) | Err(StoreError::LeaseLost { .. }) => return Ok(None),
                Err(gone @ StoreError::Gone { .. }) => return Err(gone),
                Err(error) => {
                    tracing::warn!(%error, "no lease can be taken now; nothing is claimed before");
                    sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    /// Renews until that is no longer possible, or no longer in time. The only error is `Gone`.
    async fn renew(&self, store: &dyn Store, host: &HostRef, mut stop_at: Instant) -> Result<(), StoreError> {
        let mut due = stop_at - self.length.stop_after() + self.length.renew_every();
        loop {
            sleep_until(due.min(stop_at)).await;
            let asked = Instant::now();
            match timeout_at(stop_at, store.renew_lease(host)).await {
                Ok(Ok(())) if Instant::now() < stop_at => {
                    stop_at = asked + self.length.stop_after();
                    self.set(Some((host.clone(), stop_at)));
                    due = asked + self.length.renew_every();
                }
                Ok(Err(StoreError::LeaseLost { .. })) => {
                    tracing::error!(host = %host.id.as_str(), epoch = host.epoch, "another host has taken over this one's tasks");
                    return Ok(());
                }
                Ok(Err(gone @ StoreError::Gone { .. })) => return Err(gone),
                Ok(Err(error)) if Instant::now() < stop_at => {
                    tracing::warn!(%error, "the lease cannot be renewed now");
                    due = Instant::now() + AFTER_ERROR.min(self.length.renew_every() / 4);
                }
                _ => {
                    tracing::error!(
                        host = %host.id.as_str(), epoch = host.epoch, length = ?self.length.duration(),
                        "the lease could not be renewed in time: all instances are stopped, before others may take over"
                    );
                    return Ok(());
                }
            }
        }
    }
}
