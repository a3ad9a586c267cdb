//! What a store holds: everything that belongs to one instance and to nobody else.
//! Does not implement the contract's functions: that is `contract`.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use taskwright_registry::TaskId;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{FsPerms, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::computing::FREE;
use crate::memory_limit::MemoryLimit;
use crate::memory_pool::MemoryShare;
use crate::meter::Meter;
use crate::stdio::{Printer, Stdio};
use crate::{Access, AttemptError, AttemptHost, Grants, LiveGrants, OutputStream};

/// How many random bytes a guest gets in one call at most: a key and more.
const MOST_RANDOM_BYTES: u64 = 1 << 20;

/// The data of a store.
pub(crate) struct Attempt {
    pub(crate) host: Arc<dyn AttemptHost>,
    pub(crate) meter: Arc<Meter>,
    /// The task and the attempt that the first call was made for; none before it, and none in `describe`. An instance
    /// belongs to one attempt, so later calls are for the same.
    pub(crate) made_for: Option<(TaskId, u32)>,
    limit: MemoryLimit,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Attempt {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Nothing of the host's environment, arguments, standard streams or network; the granted folders, to read.
fn wasi(grants: &Grants, stdio: &Arc<Stdio>, call_bytes: u64) -> Result<WasiCtx, AttemptError> {
    let mut builder = printing(stdio);
    // What the host makes for a guest in one call is limited like what a guest sends.
    builder.max_random_size(call_bytes.min(MOST_RANDOM_BYTES));
    // See `Instance::begin`: an instance with folders has a thread of its own to block.
    builder.allow_blocking_current_thread(!grants.folders.is_empty());
    for folder in &grants.folders {
        builder.preopened_dir(&folder.host_path, format!("/{}", folder.name), perms(folder.access)).map_err(
            |error| {
                let path = folder.host_path.display();
                AttemptError::Internal(format!(
                    "the folder `{path}`, granted as `{}`, cannot be opened: {error}",
                    folder.name
                ))
            },
        )?;
    }
    Ok(builder.build())
}

fn printing(stdio: &Arc<Stdio>) -> WasiCtxBuilder {
    let mut builder = WasiCtx::builder();
    builder.stdout(Printer { stdio: stdio.clone(), stream: OutputStream::Stdout });
    builder.stderr(Printer { stdio: stdio.clone(), stream: OutputStream::Stderr });
    builder
}

impl Attempt {
    /// Shows the guest a world in which the clock stands still and chance is always the same, so that what it says depends on
    /// nothing but itself.
    pub(crate) fn stand_still(&mut self, stdio: &Arc<Stdio>) {
        let mut builder = printing(stdio);
        builder.wall_clock(StillClock).monotonic_clock(StillClock);
        builder.secure_random(StdRng::seed_from_u64(0)).insecure_random(StdRng::seed_from_u64(0));
        builder.insecure_random_seed(0).max_random_size(MOST_RANDOM_BYTES);
        self.wasi = builder.build();
    }
}

/// The moment at which every kind says what it is.
struct StillClock;

impl HostWallClock for StillClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for StillClock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

fn perms(access: Access) -> FsPerms {
    match access {
        Access::Read => FsPerms::ReadOnly,
        Access::Write => FsPerms::ReadWrite,
    }
}

/// A store with all its limits.
pub(crate) fn store(
    engine: &Engine,
    host: Arc<dyn AttemptHost>,
    meter: Arc<Meter>,
    stdio: &Arc<Stdio>,
    grants: &LiveGrants,
    memory: MemoryShare,
) -> Result<Store<Attempt>, AttemptError> {
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let mut table = ResourceTable::new();
    table.set_max_capacity(size(meter.budget().handles));
    let limit = MemoryLimit::new(meter.clone(), memory);
    let budget = *meter.budget();
    let attempt =
        Attempt { host, meter, made_for: None, limit, wasi: wasi(&grants.current(), stdio, budget.call_bytes)?, table };
    let mut store = Store::new(engine, attempt);
    store.limiter_async(|attempt| &mut attempt.limit);
    store.set_hostcall_fuel(size(budget.call_bytes));
    store.set_max_component_handles(size(budget.handles));
    if let Some(concurrent) = store.concurrent_resource_table() {
        concurrent.set_max_capacity(size(budget.handles).saturating_add(CONCURRENT_ENTRIES));
    }
    // The thread goes back to its runtime at every tick, so that whoever waits beside the guest (its stop, its wall
    // clock, its neighbours) gets a turn.
    // An instance with a thread of its own may block in a file, and must not keep a core from the others meanwhile; the
    // operating system shares out the cores among threads.
    let own_thread = !grants.current().folders.is_empty();
    store.epoch_deadline_callback(move |store| {
        let meter = &store.data().meter;
        meter.check_cpu()?;
        if own_thread || meter.cpu() < FREE {
            return Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())));
        }
        let meter = meter.clone();
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(async move { meter.computing.next_turn().await })))
    });
    store.set_epoch_deadline(1);
    Ok(store)
}

/// What the engine itself needs in the table of concurrent calls, beside the guest's handles.
const CONCURRENT_ENTRIES: usize = 256;
