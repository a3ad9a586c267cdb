//! The clock of a guest that says what it is: it begins at zero, and moves only when the guest waits, straight to what it
//! waits for.
//! Does not measure anything: what a guest learns from it depends on nothing but the guest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::clocks::RESOLUTION;

#[derive(Debug, Default)]
struct State {
    /// Nanoseconds since the instance was made, which is 1970 as well.
    now: u64,
    /// When the timers are due that the guest holds, by the index of its handle to them.
    timers: BTreeMap<u32, u64>,
}

/// The clock of one instance. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct VirtualClock {
    state: Arc<Mutex<State>>,
}

impl VirtualClock {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds.
    fn nanos(&self) -> u64 {
        self.lock().now
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(&self) -> u64 {
        self.nanos() / 1_000_000
    }

    /// Lets so much time pass at once.
    pub(crate) fn pass(&self, time: Duration) {
        let mut state = self.lock();
        state.now = state.now.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Makes a timer that is due at an instant of this clock, in nanoseconds.
    pub(crate) fn subscribe_instant(
        &self,
        table: &mut ResourceTable,
        due: u64,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = table.push(VirtualTimer { clock: self.clone(), due })?;
        let pollable = subscribe(table, timer)?;
        self.lock().timers.insert(pollable.rep(), due);
        Ok(pollable)
    }

    /// Makes a timer that is due so many nanoseconds from now.
    pub(crate) fn subscribe_duration(
        &self,
        table: &mut ResourceTable,
        after: u64,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(table, self.nanos().saturating_add(after))
    }

    /// The guest has given a handle back; another may have its index from now on.
    pub(crate) fn forget(&self, pollable: u32) {
        self.lock().timers.remove(&pollable);
    }

    /// Goes forward to when the first of these is due; says whether one of them is a timer at all.
    pub(crate) fn go_to_first(&self, pollables: impl Iterator<Item = u32>) -> bool {
        let mut state = self.lock();
        let Some(first) = pollables.filter_map(|pollable| state.timers.get(&pollable).copied()).min() else {
            return false;
        };
        state.now = state.now.max(first);
        true
    }
}

/// A timer of the virtual clock.
struct VirtualTimer {
    clock: VirtualClock,
    due: u64,
}

#[wasmtime_wasi::async_trait]
impl Pollable for VirtualTimer {
    async fn ready(&mut self) {
        if self.clock.nanos() < self.due {
            // Nothing but a wait of the guest moves the clock, and that looks here again.
            std::future::pending().await
        }
    }
}

impl HostWallClock for VirtualClock {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }
}

impl HostMonotonicClock for VirtualClock {
    fn resolution(&self) -> u64 {
        u64::try_from(RESOLUTION.as_nanos()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        self.nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_to_the_first_timer_and_never_back() {
        let (clock, mut table) = (VirtualClock::default(), ResourceTable::new());
        let late = clock.subscribe_duration(&mut table, 900).unwrap();
        let early = clock.subscribe_instant(&mut table, 300).unwrap();
        assert!(!clock.go_to_first([77].into_iter()), "that is no timer");
        assert_eq!(clock.nanos(), 0);
        assert!(clock.go_to_first([late.rep(), early.rep()].into_iter()));
        assert_eq!(clock.nanos(), 300);
        assert!(clock.go_to_first([late.rep()].into_iter()) && clock.nanos() == 900);
        assert!(clock.go_to_first([early.rep()].into_iter()) && clock.nanos() == 900);
        clock.forget(early.rep());
        assert!(!clock.go_to_first([early.rep()].into_iter()));
        clock.pass(Duration::from_nanos(u64::MAX));
        assert_eq!(clock.nanos(), u64::MAX);
    }
}
