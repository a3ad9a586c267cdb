//! The memory that all guests of a host share: who wants more waits until there is some.
//! Does not limit one guest: its budget does. Does not keep what is free for a large wish: a small one goes first.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// How long a guest waits for memory at most. Where all wait for each other, one has to give way.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct InUse {
    all: u64,
    by_owner: HashMap<String, u64>,
}

/// The pool.
#[derive(Debug)]
pub(crate) struct MemoryPool {
    bytes: u64,
    in_use: Mutex<InUse>,
    freed: Notify,
}

impl MemoryPool {
    /// A pool of so many bytes. One owner gets three quarters of it at most.
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self { bytes, in_use: Mutex::default(), freed: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, InUse> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part of the pool that an owner's guests share; the whole pool if there is none.
    pub(crate) fn share(self: &Arc<Self>, owner: Option<&str>) -> MemoryShare {
        MemoryShare { pool: self.clone(), owner: owner.map(Arc::from) }
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
    pub(crate) async fn wait_for(&self, bytes: u64) {
        let most = self.bytes.saturating_sub(bytes);
        self.until(|in_use| (in_use.all <= most).then_some(())).await;
    }

    /// How much is in use, in bytes.
    pub(crate) fn in_use(&self) -> u64 {
        self.lock().all
    }
}

/// What one owner's guests share.
#[derive(Debug, Clone)]
pub(crate) struct MemoryShare {
    pool: Arc<MemoryPool>,
    owner: Option<Arc<str>>,
}

/// There was not enough in time, or there never will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoMemory {
    /// What all guests of this owner may have together.
    pub(crate) allowed: u64,
}

impl MemoryShare {
    /// What all guests of this owner may have together.
    fn most(&self) -> u64 {
        let bytes = self.pool.bytes;
        if self.owner.is_some() { bytes - bytes / 4 } else { bytes }
    }

    /// Waits for memory. It comes back when what is returned is dropped.
    pub(crate) async fn take(&self, bytes: u64) -> Result<TakenMemory, NoMemory> {
        let most = self.most();
        if bytes > most {
            return Err(NoMemory { allowed: most });
        }
        let taking = self.pool.until(|in_use| {
            let all = in_use.all.checked_add(bytes).filter(|all| *all <= self.pool.bytes)?;
            if let Some(owner) = &self.owner {
                let used = in_use.by_owner.get(&**owner).copied().unwrap_or(0);
                let used = used.checked_add(bytes).filter(|used| *used <= most)?;
                in_use.by_owner.insert(owner.to_string(), used);
            }
            in_use.all = all;
            Some(TakenMemory { share: self.clone(), bytes })
        });
        tokio::time::timeout(PATIENCE, taking).await.map_err(|_| NoMemory { allowed: most })
    }
}

/// Memory that a guest has.
#[derive(Debug)]
pub(crate) struct TakenMemory {
    share: MemoryShare,
    bytes: u64,
}

impl Drop for TakenMemory {
    fn drop(&mut self) {
        let MemoryShare { pool, owner } = &self.share;
        {
            let mut in_use = pool.lock();
            in_use.all = in_use.all.saturating_sub(self.bytes);
            if let Some(owner) = owner
                && let Some(used) = in_use.by_owner.get_mut(&**owner)
            {
                *used = used.saturating_sub(self.bytes);
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
        let pool = MemoryPool::new(160);
        let (one, two) = (pool.share(Some("one")), pool.share(Some("two")));
        let held = one.take(120).await.unwrap();
        assert_eq!(one.take(1).await.unwrap_err(), NoMemory { allowed: 120 }, "his share is used up");
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
        let pool = MemoryPool::new(160);
        assert_eq!(pool.share(None).take(161).await.unwrap_err(), NoMemory { allowed: 160 });
        assert_eq!(pool.share(Some("one")).take(121).await.unwrap_err(), NoMemory { allowed: 120 });
        pool.share(None).take(160).await.unwrap();
        pool.wait_for(1_000).await;
    }
}
