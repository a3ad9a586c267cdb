//! The one place that makes an engine, and the thread that ticks its epoch.
//! Does not compile or run anything.

use std::thread;
use std::time::Duration;

use wasmtime::{
    Config, Engine, EngineWeak, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmFeatures,
};

use crate::config::{Allocation, SandboxConfig};
use crate::engine_places::Places;
use crate::{Budget, SandboxError};

/// How long a guest computes before its thread goes back to the runtime: the bound on how late a stop comes, and short
/// against the 50 ms that a forced stop may take.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest. Deep recursion beyond it is a trap, and nothing of the host's.
pub(crate) const STACK_BYTES: usize = 512 * 1024;

/// What one instance's stack takes of the address space, the host's frames on it included.
const FIBER_BYTES: usize = 1024 * 1024;

/// Room beside the instances that attempts may have, for kinds that are being described.
pub(crate) const SPARE_INSTANCES: u32 = 16;

/// Data of the largest core instance and component; C# and Python with debug symbols come near one megabyte.
const INSTANCE_DATA_BYTES: usize = 4 << 20;

/// How much of a stack and a memory stays mapped between two instances, so that a short turn does not pay for page faults.
const KEPT_STACK_BYTES: usize = 32 * 1024;
const KEPT_MEMORY_BYTES: usize = 128 * 1024;

/// What a component may use of WebAssembly: what the compilers of languages make use of. Everything else is off by name, so that a
/// cargo feature that another crate of the program turns on changes nothing: threads, garbage collection, exceptions, references to
/// functions, memories of 64 bits, pages of other sizes, stack switching, wide arithmetic, and what the component model only tries
/// out. Calls that wait on a stack of their own are off too: with them the stacks of an instance could not be counted.
const SERVED: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::CM_ASYNC)
    .difference(WasmFeatures::GC_TYPES);

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_features(SERVED.complement(), false);
    config.wasm_features(SERVED, true);
    // The same bits on every processor: what a guest computes tells it nothing of its host.
    config.relaxed_simd_deterministic(true);
    config.cranelift_nan_canonicalization(true);
    config.epoch_interruption(true);
    config.cranelift_opt_level(OptLevel::Speed);
    config.max_wasm_stack(STACK_BYTES);
    config.async_stack_size(FIBER_BYTES);
    config
}

fn pool(max_instances: u32, budget: &Budget) -> PoolingAllocationConfig {
    let instances = max_instances.saturating_add(SPARE_INSTANCES);
    let cap = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
    let (places, most) = (Places::of(max_instances).and(Places::of(SPARE_INSTANCES)), Places::most());
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    // Only counted by the engine. What they take is taken from the memory of all guests.
    pool.total_core_instances(instances.saturating_mul(cap(budget.instances)));
    pool.total_memories(places.memories);
    pool.total_tables(places.tables);
    pool.total_stacks(places.stacks);
    pool.max_core_instances_per_component(cap(budget.instances));
    pool.max_memories_per_component(most.memories);
    pool.max_tables_per_component(most.tables);
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

#[cfg(test)]
mod tests {
    use wasmtime::{Linker, Module, Store};

    use super::*;

    #[test]
    fn code_that_uses_what_is_not_served_is_refused() {
        let engine = for_compiling().unwrap();
        for (what, text) in [
            ("threads", "(module (memory 1 1 shared))"),
            ("atomics", "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))"),
            ("gc", "(module (type (struct (field i32))))"),
            ("exceptions", "(module (tag))"),
            ("references to anything", "(module (func (param externref)))"),
            ("function references", "(module (type $t (func)) (func (param (ref $t))))"),
            ("memory64", "(module (memory i64 1))"),
            ("page sizes", "(module (memory 1 (pagesize 1)))"),
            (
                "wide arithmetic",
                "(module (func (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1))))",
            ),
            ("stack switching", "(module (type $f (func)) (type (cont $f)))"),
        ] {
            let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(Module::validate(&engine, &wasm).is_err(), "{what}");
        }
        for text in [
            "(component (core func (canon thread.index)))",
            "(component (core func (canon context.get i32 0)) (core func (canon error-context.drop)))",
            "(component (type (list u8 4)))",
        ] {
            let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(engine.precompile_component(&wasm).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_no_number_has_the_same_bits_everywhere() {
        let engine = for_compiling().unwrap();
        let text = r#"(module (func (export "nan") (param f32) (result i32)
            (i32.reinterpret_f32 (f32.div (local.get 0) (local.get 0)))))"#;
        let module = Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(1_000_000);
        let instance = Linker::new(&engine).instantiate_async(&mut store, &module).await.unwrap();
        let nan = instance.get_typed_func::<f32, u32>(&mut store, "nan").unwrap();
        assert_eq!(nan.call_async(&mut store, 0.0).await.unwrap(), 0x7fc0_0000);
    }
}
