//! How a SQLite store is opened.
//! Has no switch that would weaken durability.

use std::time::Duration;

use crate::clock::{Clock, LeaseClock, machine_clock, system_clock};

/// How a SQLite store is opened. The default suits a host on one machine.
#[derive(Clone)]
pub struct SqliteOptions {
    /// The store's clock.
    pub clock: Clock,
    /// The clock that leases are kept by. All processes that share the file must read the same one, as the default does.
    pub lease_clock: LeaseClock,
    /// Connections for reading, each with a thread; at least 1.
    pub readers: usize,
    /// The most writes that share one commit; at least 1.
    pub max_batch: usize,
    /// How long to wait for a lock that another process holds.
    pub busy_timeout: Duration,
    /// How often to look for commits of other processes while somebody listens to changes.
    pub poll: Duration,
    /// How large the file may become, in bytes; a write that would exceed it is `Unavailable`.
    pub max_bytes: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            clock: system_clock(),
            lease_clock: machine_clock(),
            readers: 2,
            max_batch: 256,
            busy_timeout: Duration::from_secs(5),
            poll: Duration::from_millis(50),
            max_bytes: None,
        }
    }
}

impl std::fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteOptions")
            .field("readers", &self.readers)
            .field("max_batch", &self.max_batch)
            .field("busy_timeout", &self.busy_timeout)
            .field("poll", &self.poll)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}
