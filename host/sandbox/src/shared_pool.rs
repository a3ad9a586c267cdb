//! Something that all guests of a host share (memory, stacks, connections): who wants more waits until there is some.
//! Does not limit one guest: its budget does. Does not keep what is free for a large request: a small one goes first.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a guest waits for memory at most. Where all wait for each other, one has to give way.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct InUse {
    all: u64,
    by_owner: HashMap<String, u64>,
}

/// The pool.
#[derive(Debug)]
pub(crate) struct SharedPool {
    units: u64,
    in_use: Mutex<InUse>,
    freed: Notify,
}

impl SharedPool {
    /// A pool of so many units (bytes, places). One owner gets three quarters of it at most.
    pub(crate) fn new(units: u64) -> Arc<Self> {
        Arc::new(Self { units, in_use: Mutex::default(), freed: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, InUse> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part of the pool that an owner's guests share; the whole pool if there is none.
    pub(crate) fn share(self: &Arc<Self>, owner: Option<&str>) -> PoolShare {
        PoolShare { pool: self.clone(), owner: owner.map(Arc::from) }
    }

    /// Waits until `attempt` has worked, each time something was given back.
    async fn until<T>(&self, attempt: impl Fn(&mut InUse) -> Option<T>) -> T {
        loop {
            let mut freed = pin!(self.freed.notified());
            // Before the look: what is freed in between is not missed.
            freed.as_mut().enable();
            let done = attempt(&mut self.lock());
            match done {
                Some(done) => return done,
                None => freed.await,
            }
        }
    }

    /// Waits until this much is free; at once where it never is.
    pub(crate) async fn wait_for(&self, units: u64) {
        let most = self.units.saturating_sub(units);
        self.until(|in_use| (in_use.all <= most).then_some(())).await;
    }

    /// How much is in use.
    pub(crate) fn in_use(&self) -> u64 {
        self.lock().all
    }
}

/// What one owner's guests share.
#[derive(Debug, Clone)]
pub(crate) struct PoolShare {
    pool: Arc<SharedPool>,
    owner: Option<Arc<str>>,
}

/// There was not enough in time, or there never will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotFree {
    /// What all guests of this owner may have together; all guests of the host, where it was their pool that was used up.
    pub(crate) allowed: u64,
    /// Whether it is the owner's share that was used up.
    pub(crate) own_share: bool,
}

impl PoolShare {
    /// What all guests of this owner may have together.
    fn most(&self) -> u64 {
        let units = self.pool.units;
        if self.owner.is_some() { units - units / 4 } else { units }
    }

    /// Waits for as long as a guest may wait for memory. What was taken comes back when it is dropped.
    pub(crate) async fn take(&self, units: u64) -> Result<Taken, NotFree> {
        self.take_by(units, Instant::now() + PATIENCE).await
    }

    /// Waits until then at most.
    pub(crate) async fn take_by(&self, units: u64, until: Instant) -> Result<Taken, NotFree> {
        let most = self.most();
        if units > most {
            return Err(NotFree { allowed: most, own_share: true });
        }
        let taking = self.pool.until(|in_use| {
            let all = in_use.all.checked_add(units).filter(|all| *all <= self.pool.units)?;
            if let Some(owner) = &self.owner {
                let used = in_use.by_owner.get(&**owner).copied().unwrap_or(0);
                let used = used.checked_add(units).filter(|used| *used <= most)?;
                in_use.by_owner.insert(owner.to_string(), used);
            }
            in_use.all = all;
            Some(Taken { share: self.clone(), units })
        });
        tokio::time::timeout_at(until, taking).await.map_err(|_| self.not_free(units))
    }

    /// Whether it is the owner's own share that is used up, or the whole pool.
    fn not_free(&self, units: u64) -> NotFree {
        let in_use = self.pool.lock();
        let used = self.owner.as_ref().and_then(|owner| in_use.by_owner.get(&**owner)).copied().unwrap_or(0);
        let own_share = self.owner.is_some() && used.saturating_add(units) > self.most();
        NotFree { allowed: if own_share { self.most() } else { self.pool.units }, own_share }
    }
}

/// What a guest has of the pool.
#[derive(Debug)]
pub(crate) struct Taken {
    share: PoolShare,
    units: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let PoolShare { pool, owner } = &self.share;
        {
            let mut in_use = pool.lock();
            in_use.all = in_use.all.saturating_sub(self.units);
            if let Some(owner) = owner
                && let Some(used) = in_use.by_owner.get_mut(&**owner)
            {
                *used = used.saturating_sub(self.units);
                if *used == 0 {
                    in_use.by_owner.remove(&**owner);
                }
            }
        }
        pool.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_wants_more_than_there_is_waits_until_it_comes_back() {
        let pool = SharedPool::new(160);
        let (one, two) = (pool.share(Some("one")), pool.share(Some("two")));
        let held = one.take(120).await.unwrap();
        assert_eq!(one.take(1).await.unwrap_err(), NotFree { allowed: 120, own_share: true }, "his share is used up");
        let other = two.take(30).await.unwrap();
        let waiting = tokio::spawn(async move { two.take(50).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(pool.share(Some("three")).take(10).await.expect("a small wish goes past a large one"));
        drop(held);
        let more = waiting.await.unwrap().unwrap();
        assert_eq!(pool.in_use(), 80);
        drop((other, more));
        pool.wait_for(160).await;
        assert!(pool.lock().by_owner.is_empty());
    }

    #[tokio::test]
    async fn who_wants_more_than_there_can_be_is_told_at_once() {
        let pool = SharedPool::new(160);
        assert_eq!(pool.share(None).take(161).await.unwrap_err(), NotFree { allowed: 160, own_share: true });
        assert_eq!(pool.share(Some("one")).take(121).await.unwrap_err(), NotFree { allowed: 120, own_share: true });
        pool.share(None).take(160).await.unwrap();
        pool.wait_for(1_000).await;
    }
}
