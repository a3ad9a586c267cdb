//! Something that all guests of a host share (memory, stacks, descriptors, threads, connections), counted and shared out.
//! Does not hold the things themselves. Does not limit one guest: its budget does. Does not keep what is free for a large
//! request: a small one goes first.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a guest waits at most. Where all wait for each other, one has to give way.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct InUse {
    all: u64,
    by_owner: HashMap<Arc<str>, u64>,
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
    async fn until<T>(&self, mut attempt: impl FnMut() -> Option<T>) -> T {
        loop {
            let mut freed = pin!(self.freed.notified());
            // Before the attempt: what is freed in between is not missed.
            freed.as_mut().enable();
            match attempt() {
                Some(done) => return done,
                None => freed.await,
            }
        }
    }

    /// Waits until this much is free; at once where it never is.
    pub(crate) async fn wait_for(&self, units: u64) {
        let most = self.units.saturating_sub(units);
        self.until(|| (self.in_use() <= most).then_some(())).await;
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
    pub(crate) fn allowed(&self) -> u64 {
        let units = self.pool.units;
        if self.owner.is_some() { units - units / 4 } else { units }
    }

    /// Takes it now or not at all. What was taken comes back when it is dropped.
    pub(crate) fn try_take(&self, units: u64) -> Result<Taken, NotFree> {
        let mut in_use = self.pool.lock();
        let used = self.owner.as_ref().and_then(|owner| in_use.by_owner.get(owner)).copied().unwrap_or(0);
        let used = used.saturating_add(units);
        if used > self.allowed() {
            return Err(NotFree { allowed: self.allowed(), own_share: true });
        }
        let all = in_use.all.saturating_add(units);
        if all > self.pool.units {
            return Err(NotFree { allowed: self.pool.units, own_share: false });
        }
        in_use.all = all;
        if let Some(owner) = &self.owner {
            in_use.by_owner.insert(owner.clone(), used);
        }
        Ok(Taken { share: self.clone(), units })
    }

    /// Waits for as long as a guest may wait.
    pub(crate) async fn take(&self, units: u64) -> Result<Taken, NotFree> {
        self.take_by(units, Instant::now() + PATIENCE).await
    }

    /// Waits until then at most.
    pub(crate) async fn take_by(&self, units: u64, until: Instant) -> Result<Taken, NotFree> {
        self.take_unless(units, until, |_| false).await
    }

    /// Waits until then at most, and no longer than until `give_up` says of a reason that it is no use.
    pub(crate) async fn take_unless(
        &self,
        units: u64,
        until: Instant,
        give_up: impl Fn(NotFree) -> bool,
    ) -> Result<Taken, NotFree> {
        let allowed = self.allowed();
        if units > allowed {
            return Err(NotFree { allowed, own_share: true });
        }
        let mut last = NotFree { allowed: self.pool.units, own_share: false };
        let taking = self.pool.until(|| match self.try_take(units) {
            Ok(taken) => Some(Ok(taken)),
            Err(why) if give_up(why) => Some(Err(why)),
            Err(why) => {
                last = why;
                None
            }
        });
        let taken = tokio::time::timeout_at(until, taking).await;
        taken.unwrap_or(Err(last))
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
                && let Some(used) = in_use.by_owner.get_mut(owner)
            {
                *used = used.saturating_sub(self.units);
                if *used == 0 {
                    in_use.by_owner.remove(owner);
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

    #[tokio::test(start_paused = true)]
    async fn a_wait_has_an_end_and_may_be_given_up_before() {
        let pool = SharedPool::new(4);
        let (one, began) = (pool.share(Some("one")), Instant::now());
        let _held = one.try_take(3).unwrap();
        let own = one.take_unless(1, began + PATIENCE, |why| why.own_share).await.unwrap_err();
        assert_eq!((own, began.elapsed()), (NotFree { allowed: 3, own_share: true }, Duration::ZERO));
        let _rest = pool.share(Some("two")).try_take(1).unwrap();
        let all = pool.share(Some("three")).take(1).await.unwrap_err();
        assert_eq!((all, began.elapsed()), (NotFree { allowed: 4, own_share: false }, PATIENCE));
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
