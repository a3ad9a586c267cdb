//! Clocks of WASI for guests, coarse.
//! Does not keep the contract's clock: that one has milliseconds.

use std::time::{Duration, Instant, SystemTime};

use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::clocks::WasiClocksCtxView;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::meter::Meter;
use crate::virtual_clock::VirtualClock;

/// What clocks tell apart. A read of memory that misses the caches takes a tenth of a microsecond, and one that hits them a
/// hundredth: with this no single one can be told from another, and a guest that repeats one to make it last is charged for
/// the time. Programs that log, wait or measure their work need no more than a tenth of a millisecond.
pub(crate) const RESOLUTION: Duration = Duration::from_micros(100);

fn coarse(time: Duration) -> Duration {
    let step = RESOLUTION.as_nanos();
    Duration::from_nanos(u64::try_from(time.as_nanos() / step * step).unwrap_or(u64::MAX))
}

/// The host's wall clock.
pub(crate) struct CoarseWall;

impl HostWallClock for CoarseWall {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        // Before 1970 there is no time.
        coarse(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }
}

/// Time since the instance was made.
pub(crate) struct CoarseMonotonic(Instant);

impl CoarseMonotonic {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl HostMonotonicClock for CoarseMonotonic {
    fn resolution(&self) -> u64 {
        u64::try_from(RESOLUTION.as_nanos()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        u64::try_from(coarse(self.0.elapsed()).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Names the store's data to the generated bindings.
pub(crate) struct HasClocks;

impl HasData for HasClocks {
    type Data<'a> = Clocks<'a>;
}

/// The clocks of one instance, counted. How many timers there can be the budget's handles say.
pub(crate) struct Clocks<'a> {
    pub(crate) meter: &'a Meter,
    pub(crate) wasi: WasiClocksCtxView<'a>,
    /// What time is, if it is not the host's.
    pub(crate) virtual_clock: Option<&'a VirtualClock>,
}

impl wall_clock::Host for Clocks<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.meter.look()?;
        wall_clock::Host::now(&mut self.wasi)
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.meter.look()?;
        wall_clock::Host::resolution(&mut self.wasi)
    }
}

impl monotonic_clock::Host for Clocks<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.meter.look()?;
        monotonic_clock::Host::now(&mut self.wasi)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.meter.look()?;
        monotonic_clock::Host::resolution(&mut self.wasi)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.meter.look()?;
        match self.virtual_clock {
            Some(clock) => clock.subscribe_instant(self.wasi.table, when),
            None => self.wasi.subscribe_instant(when),
        }
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.meter.look()?;
        match self.virtual_clock {
            Some(clock) => clock.subscribe_duration(self.wasi.table, duration),
            None => self.wasi.subscribe_duration(duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_down_to_the_resolution() {
        assert_eq!(coarse(Duration::from_nanos(1_234_567_890)), Duration::from_nanos(1_234_500_000));
        assert_eq!(coarse(Duration::from_nanos(99_999)), Duration::ZERO);
    }
}
