//! The one place that makes an engine, and the thread that ticks its epoch.
//! Does not compile or run anything.

use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, EngineWeak, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::config::{Allocation, SandboxConfig};
use crate::{Budget, SandboxError};

/// How long a guest computes before its thread goes back to the runtime: the bound on how late a stop comes, and short
/// against the 50 ms that a forced stop may take.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest. Deep recursion beyond it is a trap, and nothing of the host's.
pub(crate) const STACK_BYTES: usize = 512 * 1024;

/// What one instance's stack takes of the address space, the host's frames on it included.
const FIBER_BYTES: usize = 1024 * 1024;

/// Room beside the instances that attempts may have, for kinds that are being described.
const SPARE_INSTANCES: u32 = 16;

/// Memories that an instance has on average; nearly all have one.
const MEMORIES_PER_INSTANCE: u32 = 2;

/// Core instances and tables that an instance has on average. A Rust guest has four, a Python guest about thirty.
const PARTS_PER_INSTANCE: u32 = 16;

/// Data of the largest core instance and component; C# and Python with debug symbols come near one megabyte.
const INSTANCE_DATA_BYTES: usize = 4 << 20;

/// How much of a stack and a memory stays mapped between two instances, so that a short turn does not pay for page faults.
const KEPT_STACK_BYTES: usize = 32 * 1024;
const KEPT_MEMORY_BYTES: usize = 128 * 1024;

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    config.cranelift_opt_level(OptLevel::Speed);
    config.max_wasm_stack(STACK_BYTES);
    config.async_stack_size(FIBER_BYTES);
    // A pool has room for memories of four gigabytes, and no kind needs more.
    config.wasm_memory64(false);
    config
}

fn pool(max_instances: u32, budget: &Budget) -> PoolingAllocationConfig {
    let instances = max_instances.saturating_add(SPARE_INSTANCES);
    let cap = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    pool.total_core_instances(instances.saturating_mul(PARTS_PER_INSTANCE));
    pool.total_memories(instances.saturating_mul(MEMORIES_PER_INSTANCE));
    pool.total_tables(instances.saturating_mul(PARTS_PER_INSTANCE));
    pool.total_stacks(instances.saturating_mul(2));
    pool.max_core_instances_per_component(cap(budget.instances));
    pool.max_memories_per_component(8);
    pool.max_tables_per_component(cap(budget.instances));
    pool.table_elements(usize::try_from(budget.table_elements).unwrap_or(usize::MAX).min(1 << 20));
    pool.max_core_instance_size(INSTANCE_DATA_BYTES);
    pool.max_component_instance_size(INSTANCE_DATA_BYTES);
    pool.async_stack_keep_resident(KEPT_STACK_BYTES);
    pool.linear_memory_keep_resident(KEPT_MEMORY_BYTES);
    pool
}

fn with_pool(settings: &SandboxConfig) -> wasmtime::Result<Engine> {
    let mut config = config();
    let pool = pool(settings.max_instances, &settings.budget);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// An engine that makes the very code that the others run, without room to run it itself.
pub(crate) fn for_compiling() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// The engine, ticking.
pub(crate) fn build(settings: &SandboxConfig) -> Result<Engine, SandboxError> {
    let on_demand = || Engine::new(&config());
    let engine = match settings.allocation {
        Allocation::Pooling => with_pool(settings),
        Allocation::OnDemand => on_demand(),
        Allocation::PoolingOrOnDemand => with_pool(settings).or_else(|error| {
            tracing::warn!(%error, "no address space for a pool of instances; each maps its own memory");
            on_demand()
        }),
    };
    let engine = engine.map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
    tick(engine.weak())?;
    Ok(engine)
}

/// Ticks on a thread of the operating system, because a guest that computes can hold every thread of the runtime. The
/// thread ends with the engine.
fn tick(engine: EngineWeak) -> Result<(), SandboxError> {
    let ticking = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("taskwright-epoch".to_owned()).spawn(ticking).map_err(SandboxError::Ticker)?;
    Ok(())
}
