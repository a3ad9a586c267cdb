//! One counted dimension of an instance's budget.
//! Does not know what it counts, or what follows when it is full.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use taskwright_registry::{Counted, Dimension, REGAIN};

/// Counts up to a limit. What counts of a flow goes back with time; that is looked at when the limit is met, and not before.
#[derive(Debug)]
pub(crate) struct Counter {
    dimension: Dimension,
    limit: u64,
    /// By this instance.
    used: AtomicU64,
    /// By this instance and those before it, less what was regained.
    counts: AtomicU64,
    regained: Mutex<Instant>,
}

/// The limit is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    /// The limit.
    pub(crate) allowed: u64,
    /// To what the refused amount would have brought it.
    pub(crate) wanted: u64,
}

impl Counter {
    pub(crate) fn new(dimension: Dimension, limit: u64, counts: u64) -> Self {
        let (used, counts) = (AtomicU64::new(0), AtomicU64::new(counts));
        Self { dimension, limit, used, counts, regained: Mutex::new(Instant::now()) }
    }

    pub(crate) fn dimension(&self) -> Dimension {
        self.dimension
    }

    /// What this instance has used.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Adds, or leaves everything as it is.
    pub(crate) fn take(&self, amount: u64) -> Result<(), Full> {
        let try_take = || {
            let fits = |counts: u64| counts.checked_add(amount).filter(|sum| *sum <= self.limit);
            self.counts.try_update(Relaxed, Relaxed, fits)
        };
        let taken = try_take().or_else(|_| {
            self.regain();
            try_take()
        });
        match taken {
            Ok(_) => {
                self.used.fetch_add(amount, Relaxed);
                Ok(())
            }
            Err(counts) => Err(Full { allowed: self.limit, wanted: counts.saturating_add(amount) }),
        }
    }

    /// Adds what was used already, without asking.
    pub(crate) fn add(&self, amount: u64) {
        self.used.fetch_add(amount, Relaxed);
        let _ = self.counts.update(Relaxed, Relaxed, |counts| counts.saturating_add(amount));
    }

    /// Takes back what was counted and not used.
    pub(crate) fn give_back(&self, amount: u64) {
        let less = |counted: u64| counted.saturating_sub(amount);
        let _ = self.used.update(Relaxed, Relaxed, less);
        let _ = self.counts.update(Relaxed, Relaxed, less);
    }

    /// Whether this much more would still be within the limit.
    pub(crate) fn has_room(&self, more: u64) -> Result<(), Full> {
        let wanted = || self.counts.load(Relaxed).saturating_add(more);
        if wanted() > self.limit {
            self.regain();
        }
        let wanted = wanted();
        if wanted <= self.limit { Ok(()) } else { Err(Full { allowed: self.limit, wanted }) }
    }

    /// What may still be used.
    pub(crate) fn room(&self) -> u64 {
        self.limit.saturating_sub(self.counts.load(Relaxed))
    }

    fn regain(&self) {
        if self.dimension.counted() != Counted::Flow {
            return;
        }
        let mut regained = self.regained.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let whole = u128::from(REGAIN.num_milliseconds().unsigned_abs());
        let idle = now.duration_since(*regained).as_millis();
        let back = u64::try_from(u128::from(self.limit).saturating_mul(idle.min(whole)) / whole).unwrap_or(u64::MAX);
        if back == 0 {
            // Too early; the time goes on to count.
            return;
        }
        *regained = now;
        let _ = self.counts.update(Relaxed, Relaxed, |counts| counts.saturating_sub(back));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_refused_is_not_counted_and_what_came_before_is() {
        let counter = Counter::new(Dimension::ArtifactBytes, 10, 4);
        counter.take(4).unwrap();
        assert_eq!(counter.take(3), Err(Full { allowed: 10, wanted: 11 }));
        counter.take(2).unwrap();
        assert_eq!((counter.used(), counter.room()), (6, 0));
    }

    #[test]
    fn a_flow_that_is_used_up_comes_back_with_time_and_a_sum_never() {
        let later = |dimension| {
            let counter = Counter::new(dimension, 24, 24);
            counter.take(1).unwrap_err();
            let before = Instant::now().checked_sub(Duration::from_secs(2 * 3_600))?;
            *counter.regained.lock().unwrap() = before;
            Some((counter.take(2).is_ok(), counter.take(1).is_ok()))
        };
        // A machine that was started a moment ago has no time before.
        assert!(matches!(later(Dimension::Messages), None | Some((true, false))));
        assert!(matches!(later(Dimension::ArtifactBytes), None | Some((false, false))));
    }
}
