//! The clock of a store, which can be replaced by one that a test turns.
//! Does not make time monotonic: the core keeps a record's own stamps in order.

use std::sync::Arc;

use chrono::SubsecRound;
use taskwright_registry::Timestamp;

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
pub(crate) fn system_clock() -> Clock {
    Arc::new(chrono::Utc::now)
}

/// The time in whole milliseconds, as all records have it.
pub(crate) fn read(clock: &Clock) -> Timestamp {
    clock().trunc_subsecs(3)
}
