//! Waiting for several things at once, counted and bounded.
//! Does not wait by itself: `wasmtime-wasi-io` does.

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll;

use crate::AttemptError;
use crate::meter::Meter;

/// Names the store's data to the generated bindings.
pub(crate) struct HasPoll;

impl HasData for HasPoll {
    type Data<'a> = Polls<'a>;
}

/// What one instance waits for.
pub(crate) struct Polls<'a> {
    pub(crate) meter: &'a Meter,
    pub(crate) table: &'a mut ResourceTable,
}

impl poll::Host for Polls<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.meter.look()?;
        // One thing may be named many times, and each time is looked at.
        let (allowed, used) = (self.meter.budget().handles, pollables.len() as u64);
        if used > allowed {
            return Err(self.meter.condemn(AttemptError::Exhausted { dimension: "handles", allowed, used }));
        }
        poll::Host::poll(self.table, pollables).await
    }
}

impl poll::HostPollable for Polls<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.meter.look()?;
        self.table.block(pollable).await
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.meter.look()?;
        self.table.ready(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.table, pollable)
    }
}
