//! Waiting for several things at once, counted and bounded.
//! Does not wait by itself: `wasmtime-wasi-io` does.

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{self, HostPollable as _};

use crate::AttemptError;
use crate::meter::Meter;
use crate::virtual_clock::VirtualClock;

/// Names the store's data to the generated bindings.
pub(crate) struct HasPoll;

impl HasData for HasPoll {
    type Data<'a> = Polls<'a>;
}

/// What one instance waits for.
pub(crate) struct Polls<'a> {
    pub(crate) meter: &'a Meter,
    pub(crate) table: &'a mut ResourceTable,
    /// What time is, if it is not the host's.
    pub(crate) virtual_clock: Option<&'a VirtualClock>,
}

impl Polls<'_> {
    /// Waits on virtual time: at once, and in an order that depends on the guest alone. Returns which of them are ready.
    async fn wait_virtually(
        &mut self,
        clock: &VirtualClock,
        pollables: &[Resource<DynPollable>],
    ) -> wasmtime::Result<Vec<u32>> {
        loop {
            let mut ready = Vec::new();
            for (at, pollable) in (0..).zip(pollables) {
                if self.table.ready(Resource::new_borrow(pollable.rep())).await? {
                    ready.push(at);
                }
            }
            if !ready.is_empty() {
                return Ok(ready);
            }
            if !clock.go_to_first(pollables.iter().map(Resource::rep)) {
                let message =
                    "`describe` waits for something that never comes; it can wait for timers alone".to_owned();
                return Err(self.meter.condemn(AttemptError::Trap { message }));
            }
        }
    }
}

impl poll::Host for Polls<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.meter.look()?;
        // One thing may be named many times, and each time is looked at.
        let (allowed, used) = (self.meter.budget().handles, pollables.len() as u64);
        if used > allowed {
            return Err(self.meter.condemn(AttemptError::Exhausted { dimension: "handles", allowed, used }));
        }
        match self.virtual_clock {
            // An empty list is an error of the guest's, which is told there.
            Some(clock) if !pollables.is_empty() => self.wait_virtually(clock, &pollables).await,
            _ => poll::Host::poll(self.table, pollables).await,
        }
    }
}

impl poll::HostPollable for Polls<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.meter.look()?;
        match self.virtual_clock {
            Some(clock) => self.wait_virtually(clock, &[pollable]).await.map(drop),
            None => self.table.block(pollable).await,
        }
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.meter.look()?;
        self.table.ready(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        if let Some(clock) = self.virtual_clock {
            clock.forget(pollable.rep());
        }
        poll::HostPollable::drop(self.table, pollable)
    }
}
