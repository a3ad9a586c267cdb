//! What a store holds: everything that belongs to one instance and to nobody else.
//! Does not implement the contract's functions: that is `contract`.

use std::path::Path;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use taskwright_registry::TaskId;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::clocks::WasiClocksCtxView;
use wasmtime_wasi::filesystem::WasiFilesystemCtxView;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clocks::{Clocks, CoarseMonotonic, CoarseWall};
use crate::file_thread::FileShare;
use crate::files::{Files, FilesView};
use crate::http::{Gateway, Hooks, wasi_context};
use crate::memory_limit::MemoryLimit;
use crate::meter::Meter;
use crate::poll::Polls;
use crate::random::Random;
use crate::shared_pool::PoolShare;
use crate::stdio::{Printer, Stdio};
use crate::virtual_clock::VirtualClock;
use crate::{AttemptError, AttemptHost, LiveGrants, OutputStream, ProtectedPaths};

/// The data of a store.
pub(crate) struct Attempt {
    pub(crate) host: Arc<dyn AttemptHost>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) grants: LiveGrants,
    /// The task and the attempt that the first call was made for; none before it, and none in `describe`. An instance
    /// belongs to one attempt, so later calls are for the same.
    pub(crate) made_for: Option<(TaskId, u32)>,
    /// Requests of the contract's own, and those of `wasi:http`.
    pub(crate) http: Arc<Gateway>,
    wasi_http: WasiHttpCtx,
    hooks: Hooks,
    /// Where chance comes from, if it is to be the same each time.
    repeated: Option<StdRng>,
    /// What time is, if it is not the host's. Only a guest that says what it is has such a clock, and nothing that it calls may
    /// take a moment of the host's time then, or be done by a moment of it.
    pub(crate) virtual_clock: Option<VirtualClock>,
    limit: MemoryLimit,
    wasi: WasiCtx,
    table: ResourceTable,
    files: Files,
}

impl WasiView for Attempt {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Attempt {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.wasi_http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

impl Attempt {
    /// For one call of `wasi:http`. One too many ends the instance at its next turn: this one has no place for an error.
    pub(crate) fn http_counted(&mut self) -> WasiHttpCtxView<'_> {
        let _ = self.meter.look();
        self.http()
    }

    pub(crate) fn files(&mut self) -> FilesView<'_> {
        let wasi = WasiFilesystemCtxView { ctx: self.wasi.filesystem(), table: &mut self.table };
        FilesView { files: &mut self.files, wasi }
    }

    pub(crate) fn clocks(&mut self) -> Clocks<'_> {
        let wasi = WasiClocksCtxView { ctx: self.wasi.clocks(), table: &mut self.table };
        Clocks { meter: &self.meter, wasi, virtual_clock: self.virtual_clock.as_ref() }
    }

    pub(crate) fn polls(&mut self) -> Polls<'_> {
        let virtual_clock = self.virtual_clock.as_ref();
        Polls { meter: &self.meter, table: &mut self.table, virtual_clock }
    }

    pub(crate) fn random(&mut self) -> Random<'_> {
        Random { meter: &self.meter, repeated: self.repeated.as_mut() }
    }

    /// Shows the guest a world without the host's time and without chance, so that what it says depends on nothing but
    /// itself: the clock moves only as the guest waits, chance is always the same, what is printed is gone at once, no call
    /// waits for anything, and memory that the host does not have ends it instead of being told.
    pub(crate) fn stand_still(&mut self, stdio: &Arc<Stdio>) {
        let clock = VirtualClock::default();
        stdio.discard();
        self.hooks.refuse_all();
        self.limit.do_not_tell_failures();
        let mut builder = printing(stdio);
        builder.wall_clock(clock.clone()).monotonic_clock(clock.clone());
        self.wasi = builder.build();
        self.repeated = Some(StdRng::seed_from_u64(0));
        self.virtual_clock = Some(clock);
    }
}

fn printing(stdio: &Arc<Stdio>) -> WasiCtxBuilder {
    let mut builder = WasiCtx::builder();
    builder.stdout(Printer { stdio: stdio.clone(), stream: OutputStream::Stdout });
    builder.stderr(Printer { stdio: stdio.clone(), stream: OutputStream::Stderr });
    builder
}

/// Nothing of the host's environment, arguments, standard streams or network.
fn wasi(stdio: &Arc<Stdio>) -> WasiCtxBuilder {
    let mut builder = printing(stdio);
    builder.wall_clock(CoarseWall);
    builder.monotonic_clock(CoarseMonotonic::new());
    builder
}

/// What an instance can reach beyond the contract's reports.
pub(crate) struct Reach<'a> {
    pub(crate) grants: &'a LiveGrants,
    pub(crate) http: Arc<Gateway>,
    /// Where the folder of its task's own lies, if it has one.
    pub(crate) own_folder: Option<&'a Path>,
    /// What no grant leads to.
    pub(crate) protected: &'a ProtectedPaths,
    pub(crate) memory: PoolShare,
    /// What it may have of what instances with folders share.
    pub(crate) file_share: FileShare,
}

/// A store with all its limits.
pub(crate) fn store(
    engine: &Engine,
    host: Arc<dyn AttemptHost>,
    meter: Arc<Meter>,
    stdio: &Arc<Stdio>,
    reach: Reach<'_>,
) -> Result<Store<Attempt>, AttemptError> {
    let Reach { grants, http, own_folder, protected, memory, file_share } = reach;
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let mut table = ResourceTable::new();
    table.set_max_capacity(size(meter.budget().handles));
    let limit = MemoryLimit::new(meter.clone(), memory);
    let budget = *meter.budget();
    let (wasi_http, hooks) = (wasi_context(), Hooks::new(http.clone(), stdio.clone()));
    let mut wasi = wasi(stdio);
    let files = Files::open(&mut wasi, grants, own_folder, (&host, meter.clone()), (file_share, protected))?;
    let grants = grants.clone();
    let wasi = wasi.build();
    let made_for = None;
    let attempt = Attempt {
        host,
        meter,
        grants,
        made_for,
        http,
        wasi_http,
        hooks,
        repeated: None,
        virtual_clock: None,
        limit,
        wasi,
        table,
        files,
    };
    let mut store = Store::new(engine, attempt);
    store.limiter_async(|attempt| &mut attempt.limit);
    store.set_hostcall_fuel(size(budget.call_bytes));
    store.set_max_component_handles(size(budget.handles));
    if let Some(concurrent) = store.concurrent_resource_table() {
        concurrent.set_max_capacity(size(budget.handles).saturating_add(CONCURRENT_ENTRIES));
    }
    // The thread goes back to its runtime at every tick, so that whoever waits beside the guest (its stop, its wall
    // clock, its neighbours) gets a turn.
    store.epoch_deadline_callback(|store| {
        store.data().meter.check_cpu()?;
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store.set_epoch_deadline(1);
    Ok(store)
}

/// What the engine itself needs in the table of concurrent calls, beside the guest's handles.
const CONCURRENT_ENTRIES: usize = 256;
