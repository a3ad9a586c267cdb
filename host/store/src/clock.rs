//! The clocks of a store, which can be replaced by ones that a test turns: one for what records say, one for leases.
//! Does not make the first monotonic: the core keeps a record's own stamps in order.

use std::sync::Arc;
use std::time::Instant;

use chrono::SubsecRound;
use taskwright_registry::Timestamp;

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A reading of the clock that leases are kept by. It has nothing to do with the time of day: nobody can set it, and
/// everybody who shares the store reads the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseTime {
    /// Since when `millis` counts: one boot of one machine. Readings of different eras cannot be compared; a lease of
    /// another era belongs to a host that is gone with it.
    pub era: Arc<str>,
    /// Milliseconds since the era began. Never goes back.
    pub millis: u64,
}

/// Reads the clock that leases are kept by.
pub type LeaseClock = Arc<dyn Fn() -> LeaseTime + Send + Sync>;

/// The system's clock.
pub(crate) fn system_clock() -> Clock {
    Arc::new(chrono::Utc::now)
}

/// The time in whole milliseconds, as all records have it.
pub(crate) fn read(clock: &Clock) -> Timestamp {
    clock().trunc_subsecs(3)
}

fn millis_since(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// For a store that no other process shares: the time since this call.
pub(crate) fn process_clock() -> LeaseClock {
    let (begin, era) = (Instant::now(), Arc::<str>::from("process"));
    Arc::new(move || LeaseTime { era: era.clone(), millis: millis_since(begin) })
}

/// For a store that processes of one machine share: the kernel's monotonic clock, which setting the time does not move and
/// which stands still while the machine is suspended, so that no lease is lost to a closed lid. The era is the boot.
#[cfg(target_os = "linux")]
pub(crate) fn machine_clock() -> LeaseClock {
    use rustix::time::{ClockId, clock_gettime};
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    if boot.trim().is_empty() {
        // Without it, a lease of an earlier boot could not be told from one of this.
        return time_of_day();
    }
    let era = Arc::<str>::from(format!("boot {}", boot.trim()));
    Arc::new(move || {
        let now = clock_gettime(ClockId::Monotonic);
        let millis = now.tv_sec * 1_000 + now.tv_nsec / 1_000_000;
        LeaseTime { era: era.clone(), millis: u64::try_from(millis).unwrap_or(0) }
    })
}

/// Elsewhere than on Linux there is no monotonic clock that processes can compare without system-specific code.
#[cfg(not(target_os = "linux"))]
pub(crate) fn machine_clock() -> LeaseClock {
    time_of_day()
}

/// Where nothing better is to be had: setting it forward can cost a host its lease.
fn time_of_day() -> LeaseClock {
    let era = Arc::<str>::from("time of day");
    Arc::new(move || {
        let millis = u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap_or(0);
        LeaseTime { era: era.clone(), millis }
    })
}
