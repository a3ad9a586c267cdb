//! Memory and tables of an instance, summed over all of them.
//! Does not end anything: a growth is denied, and `trap` looks whether the guest got over it.

use std::sync::Arc;

use wasmtime::ResourceLimiterAsync;

use crate::AttemptError;
use crate::meter::Meter;
use crate::shared_pool::{NotFree, PoolShare, Taken};

/// The limiter of one store.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    meter: Arc<Meter>,
    share: PoolShare,
    taken: Vec<Taken>,
    memory: u64,
    elements: u64,
    /// What the growth under way would add, in case it fails after it was allowed.
    memory_pending: u64,
    elements_pending: u64,
    /// A growth that was allowed and failed ends the guest, who would learn of the host's state by it.
    fails_untold: bool,
}

impl MemoryLimit {
    pub(crate) fn new(meter: Arc<Meter>, share: PoolShare) -> Self {
        Self {
            meter,
            share,
            taken: Vec::new(),
            memory: 0,
            elements: 0,
            memory_pending: 0,
            elements_pending: 0,
            fails_untold: false,
        }
    }

    /// Lets a growth that fails for want of the host's memory end the guest.
    pub(crate) fn do_not_tell_failures(&mut self) {
        self.fails_untold = true;
    }

    fn failed(&self, error: &wasmtime::Error) -> wasmtime::Result<()> {
        if !self.fails_untold {
            return Ok(());
        }
        let message = format!("the host has no memory for it at the moment: {error}");
        Err(self.meter.condemn(AttemptError::Internal(message)))
    }
}

#[wasmtime_wasi::async_trait]
impl ResourceLimiterAsync for MemoryLimit {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let added = desired.saturating_sub(current) as u64;
        let wanted = self.memory.saturating_add(added);
        if wanted > self.meter.budget().memory_bytes {
            self.meter.memory_denied(wanted);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if added > 0 {
            match self.share.take(added).await {
                Ok(taken) => self.taken.push(taken),
                Err(NotFree { allowed, .. }) => return Err(self.meter.no_memory(added, allowed)),
            }
        }
        self.memory = wanted;
        self.memory_pending = added;
        self.meter.memory_is(wanted);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let pending = std::mem::take(&mut self.memory_pending);
        if pending == 0 {
            return Ok(());
        }
        self.memory = self.memory.saturating_sub(pending);
        self.taken.pop();
        self.failed(&error)
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let added = desired.saturating_sub(current) as u64;
        let wanted = self.elements.saturating_add(added);
        if wanted > self.meter.budget().table_elements {
            self.meter.table_denied(wanted);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.elements = wanted;
        self.elements_pending = added;
        self.meter.table_is(wanted);
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let pending = std::mem::take(&mut self.elements_pending);
        if pending == 0 {
            return Ok(());
        }
        self.elements = self.elements.saturating_sub(pending);
        self.failed(&error)
    }

    fn instances(&self) -> usize {
        usize::try_from(self.meter.budget().instances).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Budget;
    use crate::shared_pool::SharedPool;

    #[tokio::test]
    async fn memories_count_together_and_a_failed_growth_is_taken_back() {
        let meter = Arc::new(Meter::new(Budget { memory_bytes: 100, ..Budget::default() }));
        let pool = SharedPool::new(1 << 20);
        let mut limit = MemoryLimit::new(meter.clone(), pool.share(None));
        assert!(limit.memory_growing(0, 60, None).await.unwrap());
        assert!(!limit.memory_growing(0, 60, None).await.unwrap());
        assert_eq!(
            meter.denied(),
            Some(AttemptError::Exhausted { dimension: "memory_bytes", allowed: 100, used: 120 })
        );
        assert!(limit.memory_growing(0, 40, None).await.unwrap());
        limit.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
        assert!(limit.memory_growing(0, 40, None).await.unwrap());
        assert_eq!(meter.denied(), None);
    }
}
