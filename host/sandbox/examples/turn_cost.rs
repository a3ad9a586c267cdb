//! What a turn costs: store, instantiation, `start` with four reports, drop. In the sandbox, and in bare wasmtime with the
//! same guest, the same engine settings and the same WASI; both in one run, in turns.
//! Does not write anything down: the reports go nowhere, so that a store's share is not in the figures.
//!
//! `cargo run --release -p taskwright-sandbox --example turn_cost [TURNS]`

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use taskwright_registry::{Cancel, Links, NewTask, Part, Progress, Schema, TaskId, Timestamp, create};
use taskwright_sandbox::{
    AttemptHost, Budget, Grants, Kind, NewArtifact, OutputStream, Refusal, Sandbox, SandboxConfig, StopReason,
    TaskContext,
};
use taskwright_test_guests::HONEST;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

mod bare {
    wasmtime::component::bindgen!({
        path: "../../wit/since_v0.1.0",
        world: "kind",
        exports: { default: async },
    });
}
use bare::taskwright::task::{clock, control, sink, types};

/// The data of a bare store.
struct Bare {
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
}

impl clock::Host for Bare {
    fn now(&mut self) -> u64 {
        0
    }
}

impl<S: Send> clock::HostWithStore<S> for HasBare {
    async fn sleep(_: &Calls<S>, _: u64) {}
}

/// Compiles and links the guest without anything of the sandbox.
fn bare_kind() -> wasmtime::Result<bare::KindPre<Bare>> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    config.async_stack_size(1 << 20);
    let mut pool = PoolingAllocationConfig::new();
    pool.async_stack_keep_resident(32 * 1024).linear_memory_keep_resident(128 * 1024);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    bare::Kind::add_to_linker::<_, HasBare>(&mut linker, |bare| bare)?;
    bare::KindPre::new(linker.instantiate_pre(&Component::new(&engine, HONEST)?)?)
}

async fn bare_turn(kind: &bare::KindPre<Bare>) -> wasmtime::Result<()> {
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
        spec: "{\"n\":1}".to_owned(),
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

/// A host that accepts everything and keeps nothing.
struct Nowhere;

#[async_trait]
impl AttemptHost for Nowhere {
    async fn state(&self, _: Option<String>) -> Result<(), Refusal> {
        Ok(())
    }
    async fn progress(&self, _: Progress) -> Result<(), Refusal> {
        Ok(())
    }
    async fn output(&self, _: OutputStream, _: String) -> Result<(), Refusal> {
        Ok(())
    }
    async fn post(&self, _: Vec<Part>, _: Option<String>) -> Result<String, Refusal> {
        Ok("tmsg_1".to_owned())
    }
    async fn request_input(&self, _: String, _: Option<Schema>) -> Result<String, Refusal> {
        Ok("inreq_1".to_owned())
    }
    async fn draft(&self, _: String, _: Vec<u8>) -> Result<(), Refusal> {
        Ok(())
    }
    async fn artifact(&self, _: NewArtifact) -> Result<(), Refusal> {
        Ok(())
    }
    async fn link(&self, _: Links) -> Result<(), Refusal> {
        Ok(())
    }
    async fn checkpoint(&self, _: Vec<u8>) -> Result<(), Refusal> {
        Ok(())
    }
    fn cancel_requested(&self) -> Option<Cancel> {
        None
    }
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
}

async fn turn(kind: &Arc<Kind>, task: &TaskContext) {
    let instance = kind.instantiate(Arc::new(Nowhere), Budget::default(), Grants::default());
    instance.start(task.clone()).await.expect("the guest is honest");
    instance.stop(StopReason::Done);
    instance.stopped().await;
}

/// One run of turns, `at_once` of them at one time; the time that one turn takes of the whole.
async fn run<T: Future<Output = ()> + Send + 'static>(
    turns: u32,
    at_once: u32,
    turn: impl Fn() -> T + Clone + Send + 'static,
) -> Duration {
    let began = Instant::now();
    let lanes = (0..at_once).map(|_| {
        let turn = turn.clone();
        tokio::spawn(async move {
            for _ in 0..turns / at_once {
                turn().await;
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.expect("no panic");
    }
    began.elapsed() / (turns / at_once * at_once)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[expect(clippy::print_stdout, reason = "it is a program")]
fn compare(name: &str, runtime: &tokio::runtime::Runtime, turns: u32, at_once: u32) {
    let (ours, theirs) = runtime.block_on(async {
        let sandbox =
            Sandbox::new(SandboxConfig { max_instances: 256, ..SandboxConfig::default() }).expect("a sandbox");
        let kind = sandbox.load(HONEST).await.expect("a kind");
        let (session, spec) = ("session".parse().expect("an id"), serde_json::json!({"n": 1}));
        let new = NewTask::new(TaskId::new(Timestamp::default(), [0; 10]), session, "test-guest", spec);
        let task = TaskContext { task: create(new, Timestamp::default()).expect("a task"), checkpoint: None };
        let (mine, bare) = (Arc::new((kind, task)), Arc::new(bare_kind().expect("a bare kind")));
        let mine = move || {
            let mine = mine.clone();
            async move { turn(&mine.0, &mine.1).await }
        };
        let bare = move || {
            let bare = bare.clone();
            async move { bare_turn(&bare).await.expect("the guest is honest") }
        };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..21 {
            let (one, other) =
                (run(turns / 20, at_once, mine.clone()).await, run(turns / 20, at_once, bare.clone()).await);
            // The first round warms the pools.
            if round > 0 {
                ours.push(one);
                theirs.push(other);
            }
        }
        (median(ours), median(theirs))
    });
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("{name}: sandbox {ours:?} a turn, bare wasmtime {theirs:?} a turn: {ratio:.2} times");
}

fn main() {
    let turns: u32 = std::env::args().nth(1).map_or(4_000, |turns| turns.parse().expect("a number of turns"));
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    compare("one at a time, one thread", &one, turns, 1);
    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    compare("64 at a time, two threads", &two, turns, 64);
}
