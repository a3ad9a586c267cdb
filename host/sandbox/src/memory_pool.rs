//! The memory that all guests of a host share: who wants more waits until there is some.
//! Does not limit one guest: its budget does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What memory is counted in: WebAssembly's own page.
const PAGE_BYTES: u64 = 64 * 1024;

/// How long a guest waits for memory at most. Where all wait for each other, one has to give way.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// From how many owners on those that have nothing left are forgotten.
const SWEEP_FROM: usize = 1_024;

/// The pool. Whoever waits longest is served first, so that a large wish is not starved by small ones.
#[derive(Debug)]
pub(crate) struct MemoryPool {
    all: Arc<Semaphore>,
    pages: u32,
    pages_of_one: u32,
    owners: Mutex<HashMap<String, Weak<Semaphore>>>,
}

fn pages(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PAGE_BYTES)).unwrap_or(u32::MAX)
}

impl MemoryPool {
    /// A pool of so many bytes. One owner gets three quarters of it at most.
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let pages = pages(bytes).clamp(1, most);
        let pages_of_one = pages - pages / 4;
        Arc::new(Self { all: Arc::new(Semaphore::new(pages as usize)), pages, pages_of_one, owners: Mutex::default() })
    }

    /// The part of the pool that an owner's guests share; of the whole pool if there is none.
    pub(crate) fn share(self: &Arc<Self>, owner: Option<&str>) -> MemoryShare {
        let owner = owner.map(|owner| {
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            if owners.len() >= SWEEP_FROM {
                owners.retain(|_, share| share.strong_count() > 0);
            }
            if let Some(share) = owners.get(owner).and_then(Weak::upgrade) {
                return share;
            }
            let share = Arc::new(Semaphore::new(self.pages_of_one as usize));
            owners.insert(owner.to_owned(), Arc::downgrade(&share));
            share
        });
        MemoryShare { pool: self.clone(), owner }
    }

    /// Waits until at least this much is free.
    pub(crate) async fn wait_for(&self, bytes: u64) {
        let _seen = self.all.acquire_many(pages(bytes).min(self.pages)).await;
    }

    /// How much is in use, in bytes.
    pub(crate) fn in_use(&self) -> u64 {
        (self.pages as u64).saturating_sub(self.all.available_permits() as u64) * PAGE_BYTES
    }
}

/// What one owner's guests share.
#[derive(Debug, Clone)]
pub(crate) struct MemoryShare {
    pool: Arc<MemoryPool>,
    owner: Option<Arc<Semaphore>>,
}

/// There was not enough in time, or there never will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoMemory {
    /// What all guests of this owner may have together.
    pub(crate) allowed: u64,
}

impl MemoryShare {
    /// Waits for memory. It comes back when what is returned is dropped.
    pub(crate) async fn take(&self, bytes: u64) -> Result<TakenMemory, NoMemory> {
        let wanted = pages(bytes);
        let most = if self.owner.is_some() { self.pool.pages_of_one } else { self.pool.pages };
        let none = NoMemory { allowed: u64::from(most) * PAGE_BYTES };
        if wanted > most {
            return Err(none);
        }
        let taking = async {
            // The owner's own first: who waits for his own share must not hold up others.
            let owner = match &self.owner {
                Some(owner) => owner.clone().acquire_many_owned(wanted).await.ok(),
                None => None,
            };
            let all = self.pool.all.clone().acquire_many_owned(wanted).await.ok();
            TakenMemory { _permits: [owner, all] }
        };
        tokio::time::timeout(PATIENCE, taking).await.map_err(|_| none)
    }
}

/// Memory that a guest has.
#[derive(Debug)]
pub(crate) struct TakenMemory {
    _permits: [Option<OwnedSemaphorePermit>; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_wants_more_than_there_is_waits_until_it_comes_back() {
        let pool = MemoryPool::new(16 * PAGE_BYTES);
        let (one, two) = (pool.share(Some("one")), pool.share(Some("two")));
        let held = one.take(12 * PAGE_BYTES).await.unwrap();
        assert_eq!(one.take(1).await.unwrap_err(), NoMemory { allowed: 12 * PAGE_BYTES }, "his share is used up");
        let other = two.take(4 * PAGE_BYTES).await.unwrap();
        assert_eq!(pool.in_use(), 16 * PAGE_BYTES);
        let waiting = tokio::spawn(async move { two.take(5 * PAGE_BYTES).await.is_ok() });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        assert!(waiting.await.unwrap());
        drop(other);
        pool.wait_for(16 * PAGE_BYTES).await;
        assert_eq!(pool.in_use(), 0);
    }

    #[tokio::test]
    async fn who_wants_more_than_there_can_be_is_told_at_once() {
        let pool = MemoryPool::new(16 * PAGE_BYTES);
        assert_eq!(pool.share(None).take(17 * PAGE_BYTES).await.unwrap_err(), NoMemory { allowed: 16 * PAGE_BYTES });
        pool.share(None).take(16 * PAGE_BYTES).await.unwrap();
    }
}
