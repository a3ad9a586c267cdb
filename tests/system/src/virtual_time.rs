//! A store in memory whose clocks follow tokio's, so that paused time is the only time there is.
//! Does not pause time: a runtime does.

use chrono::{DateTime, TimeDelta};
use taskwright_runner::store::{LeaseTime, MemoryStore};
use tokio::time::Instant;

/// An empty store. Needs a tokio runtime.
///
/// # Panics
/// Its clock does, after the year 260,000.
#[must_use]
pub fn store_on_virtual_time() -> MemoryStore {
    let (base, start) = (DateTime::from_timestamp(1_800_000_000, 0).expect("in range"), Instant::now());
    let millis = move || u64::try_from(start.elapsed().as_millis()).expect("in range");
    let clock = move || base + TimeDelta::from_std(start.elapsed()).expect("in range");
    let lease_clock = move || LeaseTime { era: "virtual".into(), millis: millis() };
    MemoryStore::with_clocks(std::sync::Arc::new(clock), std::sync::Arc::new(lease_clock))
}
