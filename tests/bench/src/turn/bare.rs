//! The other side of the comparison: bare wasmtime with the same guest, the same engine settings and the same WASI.
//! Has nothing of the sandbox: no budgets, no checks, no life beyond the call.

use taskwright_test_guests::HONEST;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

mod contract {
    wasmtime::component::bindgen!({
        path: "../../wit/since_v0.1.0",
        world: "kind",
        exports: { default: async },
    });
}
use contract::taskwright::task::{clock, control, sink, types};

/// The data of a bare store.
pub(super) struct Bare {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Bare {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

struct HasBare;

impl wasmtime::component::HasData for HasBare {
    type Data<'a> = &'a mut Bare;
}

type Calls<S> = wasmtime::component::Accessor<S, HasBare>;
type Answer<T> = Result<T, types::Refusal>;

impl types::Host for Bare {}
impl sink::Host for Bare {}

impl<S: Send> sink::HostWithStore<S> for HasBare {
    async fn state(_: &Calls<S>, _: Option<String>) -> Answer<()> {
        Ok(())
    }
    async fn progress(_: &Calls<S>, _: types::ProgressReport) -> Answer<()> {
        Ok(())
    }
    async fn output(_: &Calls<S>, _: String) -> Answer<()> {
        Ok(())
    }
    async fn post(_: &Calls<S>, _: Vec<types::Part>, _: Option<String>) -> Answer<String> {
        Ok("tmsg_1".to_owned())
    }
    async fn request_input(_: &Calls<S>, _: String, _: Option<String>) -> Answer<String> {
        Ok("inreq_1".to_owned())
    }
    async fn draft(_: &Calls<S>, _: String, _: Vec<u8>) -> Answer<()> {
        Ok(())
    }
    async fn artifact(_: &Calls<S>, _: sink::ArtifactEntry) -> Answer<()> {
        Ok(())
    }
    async fn link(_: &Calls<S>, _: sink::LinkSet) -> Answer<()> {
        Ok(())
    }
    async fn checkpoint(_: &Calls<S>, _: Vec<u8>) -> Answer<()> {
        Ok(())
    }
}

impl control::Host for Bare {
    fn cancel_requested(&mut self) -> Option<types::Cancel> {
        None
    }
    fn idempotency_key(&mut self, _: String) -> String {
        "tw_00000000000000000000000000000000".to_owned()
    }
}

impl clock::Host for Bare {
    fn now(&mut self) -> u64 {
        0
    }
}

impl<S: Send> clock::HostWithStore<S> for HasBare {
    async fn sleep(_: &Calls<S>, _: u64) {}
}

/// A linked guest.
pub(super) type Kind = contract::KindPre<Bare>;

/// Compiles and links the guest without anything of the sandbox.
pub(super) fn kind() -> wasmtime::Result<Kind> {
    kind_of(HONEST, true)
}

/// The same for any guest, with or without the code that lets it be interrupted.
pub(super) fn kind_of(wasm: &[u8], epochs: bool) -> wasmtime::Result<Kind> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.epoch_interruption(epochs);
    config.async_stack_size(1 << 20);
    let mut pool = PoolingAllocationConfig::new();
    pool.async_stack_keep_resident(32 * 1024).linear_memory_keep_resident(128 * 1024);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    // What the guest imports, and no more.
    types::add_to_linker::<_, HasBare>(&mut linker, |bare| bare)?;
    sink::add_to_linker::<_, HasBare>(&mut linker, |bare| bare)?;
    control::add_to_linker::<_, HasBare>(&mut linker, |bare| bare)?;
    clock::add_to_linker::<_, HasBare>(&mut linker, |bare| bare)?;
    contract::KindPre::new(linker.instantiate_pre(&Component::new(&engine, wasm)?)?)
}

/// One turn.
pub(super) async fn turn(kind: &Kind, spec: &str) -> wasmtime::Result<()> {
    let data = Bare { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
    let mut store = Store::new(kind.engine(), data);
    store.set_epoch_deadline(u64::MAX / 2);
    let instance = kind.instantiate_async(&mut store).await?;
    let task = types::Task {
        id: "task_00000000000000000000000000000000".to_owned(),
        session_id: "session".to_owned(),
        kind: "test-guest".to_owned(),
        display_name: "test-guest".to_owned(),
        name: None,
        attempt: 1,
        max_attempts: 1,
        spec: spec.to_owned(),
        checkpoint: None,
        pending_input: None,
        cancel: None,
        parent: None,
        deadline: None,
        created_at: 0,
    };
    let run =
        store.run_concurrent(async |accessor| instance.taskwright_task_executor().call_start(accessor, task).await);
    run.await??.map_err(|failure| wasmtime::Error::msg(failure.message))?;
    Ok(())
}
