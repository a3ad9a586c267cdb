//! Things of which a host has only so many, such as descriptors and threads: counted, and shared between sessions.
//! Does not hold the things themselves, and does not know what they are.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

#[derive(Debug, Default)]
struct InUse {
    all: u64,
    by_owner: HashMap<Arc<str>, u64>,
}

/// A counted number of places. One owner gets three quarters of them at most.
#[derive(Debug)]
pub(crate) struct PlacePool {
    places: u64,
    in_use: Mutex<InUse>,
    freed: Notify,
}

/// Why no place was to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The owner has all of its share.
    ShareUsedUp,
    /// All places are in use, this owner's and those of others.
    AllInUse,
}

impl PlacePool {
    /// A pool of so many places.
    pub(crate) fn new(places: u64) -> Arc<Self> {
        Arc::new(Self { places, in_use: Mutex::default(), freed: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, InUse> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an owner may take from: its share, or all of the pool if there is no owner.
    pub(crate) fn share(self: &Arc<Self>, owner: Option<&str>) -> PlaceShare {
        PlaceShare { pool: self.clone(), owner: owner.map(Arc::from) }
    }

    /// How many places are in use.
    pub(crate) fn in_use(&self) -> u64 {
        self.lock().all
    }
}

/// What one owner takes places from.
#[derive(Debug, Clone)]
pub(crate) struct PlaceShare {
    pool: Arc<PlacePool>,
    owner: Option<Arc<str>>,
}

impl PlaceShare {
    /// How many places the owner may have at one time.
    pub(crate) fn allowed(&self) -> u64 {
        let places = self.pool.places;
        if self.owner.is_some() { places - places / 4 } else { places }
    }

    /// Takes places now or not at all. They come back when what is returned is dropped.
    pub(crate) fn try_take(&self, count: u64) -> Result<TakenPlaces, NoPlace> {
        let mut in_use = self.pool.lock();
        if let Some(owner) = &self.owner {
            let wanted = in_use.by_owner.get(owner).copied().unwrap_or(0).saturating_add(count);
            if wanted > self.allowed() {
                return Err(NoPlace::ShareUsedUp);
            }
        }
        let all = in_use.all.saturating_add(count);
        if all > self.pool.places {
            return Err(NoPlace::AllInUse);
        }
        in_use.all = all;
        if let Some(owner) = &self.owner {
            *in_use.by_owner.entry(owner.clone()).or_default() += count;
        }
        Ok(TakenPlaces { share: self.clone(), count })
    }

    /// Takes places as soon as they are free, within a time. `give_up` says for which reasons it is no use to wait.
    pub(crate) async fn take_within(
        &self,
        count: u64,
        time: Duration,
        give_up: impl Fn(NoPlace) -> bool,
    ) -> Result<TakenPlaces, NoPlace> {
        let mut last = NoPlace::AllInUse;
        let taking = async {
            loop {
                let mut freed = pin!(self.pool.freed.notified());
                // Before the attempt: what is freed in between is not missed.
                freed.as_mut().enable();
                match self.try_take(count) {
                    Ok(taken) => return Ok(taken),
                    Err(why) if give_up(why) => return Err(why),
                    Err(why) => last = why,
                }
                freed.await;
            }
        };
        let taken = tokio::time::timeout(time, taking).await;
        taken.unwrap_or(Err(last))
    }
}

/// Places that are in use until this is dropped.
#[derive(Debug)]
pub(crate) struct TakenPlaces {
    share: PlaceShare,
    count: u64,
}

impl Drop for TakenPlaces {
    fn drop(&mut self) {
        let PlaceShare { pool, owner } = &self.share;
        {
            let mut in_use = pool.lock();
            in_use.all = in_use.all.saturating_sub(self.count);
            if let Some(owner) = owner
                && let Some(used) = in_use.by_owner.get_mut(owner)
            {
                *used = used.saturating_sub(self.count);
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

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn one_owner_leaves_a_quarter_to_others() {
        let pool = PlacePool::new(8);
        let (one, two) = (pool.share(Some("one")), pool.share(Some("two")));
        let held = one.try_take(6).unwrap();
        assert_eq!(one.try_take(1).unwrap_err(), NoPlace::ShareUsedUp);
        let other = two.try_take(2).unwrap();
        assert_eq!(two.try_take(1).unwrap_err(), NoPlace::AllInUse);
        assert_eq!((pool.in_use(), pool.share(None).allowed()), (8, 8));
        let waiting = tokio::spawn(async move { two.take_within(3, LONG, |_| false).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        drop((waiting.await.unwrap().unwrap(), other));
        assert_eq!(pool.in_use(), 0);
        assert!(pool.lock().by_owner.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_place_has_an_end() {
        let pool = PlacePool::new(4);
        let one = pool.share(Some("one"));
        let _held = one.try_take(3).unwrap();
        let own = one.take_within(1, LONG, |why| why == NoPlace::ShareUsedUp).await.unwrap_err();
        assert_eq!(own, NoPlace::ShareUsedUp);
        let _rest = pool.share(Some("two")).try_take(1).unwrap();
        let all = pool.share(Some("three")).take_within(1, LONG, |_| false).await.unwrap_err();
        assert_eq!(all, NoPlace::AllInUse);
    }
}
