//! The runner: a store, a catalog of kinds, a sandbox once one of them needs it, and what is at work.
//! Does not talk to guests or decide about tasks itself: executions do the one, the core the other.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use taskwright_registry::{Budget, Description, HostId, SessionId, Task, TaskId};
use taskwright_sandbox::{Grants, Sandbox};
use taskwright_store::{HostStatus, Store, StoreError};
use tokio::time::{Instant, timeout, timeout_at};

use crate::admission::Admission;
use crate::at_work::AtWork;
use crate::catalog::Catalog;
use crate::chance::Chance;
use crate::counted_store::CountedStore;
use crate::dispatcher::dispatch;
use crate::external_end::end_overdue;
use crate::free_space::FreeSpace;
use crate::hub::Hub;
use crate::kind::Kind;
use crate::lease::HostLease;
use crate::metric;
use crate::queue_look::look_at_queue;
use crate::reaper::reap;
use crate::retention::{self, retain};
use crate::sandbox_on_demand::SandboxOnDemand;
use crate::signal::Signal;
use crate::{
    Forgotten, KindSettings, NativeKind, RunnerConfig, RunnerError, RunnerParts, Session, SessionFiles, session_end,
};

/// How long a drain goes on behind its grace, for what the tasks have come to and the store has not taken yet.
const LAST_WRITES: Duration = Duration::from_secs(10);
/// How long what is cut off then may take to go.
const CUT_OFF: Duration = Duration::from_secs(1);

/// What a drain has left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Tasks whose end, or giving back, the store has not taken. They stay with this host until others see that its lease is over, and
    /// go on or end then as those of a lost host do.
    pub left: usize,
}

/// How often it is tried to copy a result to the session's files.
const COPY_TRIES: u32 = 5;

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: SessionFiles,
    pub(crate) space: Arc<FreeSpace>,
    pub(crate) config: RunnerConfig,
    pub(crate) catalog: Catalog,
    pub(crate) hub: Arc<Hub>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) lease: Arc<HostLease>,
    pub(crate) drain: Signal<bool>,
    /// The end of a drain: what the store has not taken by now is left.
    pub(crate) cutoff: Signal<bool>,
    /// Outcomes that were not written.
    pub(crate) unwritten: AtomicUsize,
    /// Tasks whose instance is to be dropped without a grace.
    pub(crate) aborts: Signal<HashSet<TaskId>>,
    pub(crate) at_work: AtWork,
    pub(crate) executions: tokio_util::task::TaskTracker,
    /// They may be about to begin an execution, and go before those.
    dispatchers: tokio_util::task::TaskTracker,
    /// The one that gives wakes to the embedder, if one does.
    pub(crate) deliveries: tokio_util::task::TaskTracker,
    pub(crate) has_waker: OnceLock<()>,
    pub(crate) chance: Arc<Chance>,
    pub(crate) sandbox: SandboxOnDemand,
    pump: tokio::task::AbortHandle,
    /// Whether the lease is kept and dead hosts are looked for.
    upkeep: OnceLock<()>,
}

impl Inner {
    /// Puts the result beside the artifacts, where people and programs look for it. The store has it already, in the
    /// transaction of the outcome; this copy is for convenience.
    pub(crate) async fn project_result(&self, task: &Task, path: &str) {
        let mut wait = Duration::from_millis(20);
        // Requests to a bucket are repeated already.
        let tries = if self.files.are_local() { COPY_TRIES } else { 1 };
        for left in (0..tries).rev() {
            match self.copy_result(task, path).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(task = %task.id, error, left, "a result was not copied to the session's files")
                }
            }
            if left > 0 {
                tokio::time::sleep(wait).await;
            }
            wait *= 2;
        }
    }

    async fn copy_result(&self, task: &Task, path: &str) -> Result<(), String> {
        let result = self.store.result(&task.session_id, &task.id).await.map_err(|error| error.to_string())?;
        let Some(result) = result else { return Ok(()) };
        let bytes = serde_json::to_vec_pretty(&result).map_err(|error| error.to_string())?;
        self.files.put_copy(path, bytes).await.map_err(|error| error.to_string())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// Runs tasks of the kinds that were added, from one store. Cheap to clone. Needs a tokio runtime with time enabled.
#[derive(Clone)]
pub struct Runner {
    pub(crate) inner: Arc<Inner>,
}

impl Runner {
    /// A runner over a store and a folder for the session's files. It claims nothing before `serve` or `run_only`.
    ///
    /// # Errors
    /// `Files`.
    pub fn open(store: impl Store, files: impl AsRef<Path>, config: RunnerConfig) -> Result<Self, RunnerError> {
        Self::open_shared(Arc::new(store), files, config)
    }

    /// As `open`, with a store that others hold too.
    ///
    /// # Errors
    /// `Files`.
    pub fn open_shared(
        store: Arc<dyn Store>,
        files: impl AsRef<Path>,
        config: RunnerConfig,
    ) -> Result<Self, RunnerError> {
        Ok(RunnerParts::new(store, SessionFiles::folder(files)?).config(config).runner())
    }

    pub(crate) fn new(
        store: Arc<dyn Store>,
        files: SessionFiles,
        sandbox: SandboxOnDemand,
        config: RunnerConfig,
    ) -> Self {
        metric::describe();
        let disks = store.local_paths().into_iter().take(1).chain(files.local_path("/"));
        let space = Arc::new(FreeSpace::new(disks, config.keep_free_bytes));
        let store: Arc<dyn Store> = Arc::new(CountedStore::new(store));
        let hub = Hub::new();
        let pump = tokio::spawn(hub.clone().pump(store.changes())).abort_handle();
        let chance = Arc::new(Chance::new(config.seed));
        let lease = Arc::new(HostLease::new(HostId::new(store.now(), chance.bits()), config.lease));
        Self {
            inner: Arc::new(Inner {
                store,
                files,
                space,
                catalog: Catalog::default(),
                hub,
                admission: Admission::new(&config),
                config,
                lease,
                drain: Signal::new(false),
                cutoff: Signal::new(false),
                unwritten: AtomicUsize::new(0),
                aborts: Signal::new(HashSet::new()),
                at_work: AtWork::default(),
                executions: tokio_util::task::TaskTracker::new(),
                dispatchers: tokio_util::task::TaskTracker::new(),
                deliveries: tokio_util::task::TaskTracker::new(),
                has_waker: OnceLock::new(),
                chance,
                sandbox,
                pump,
                upkeep: OnceLock::new(),
            }),
        }
    }

    /// The sandbox that its components run in, set up if it was not. What is loaded there can be held against what is
    /// expected before it is added, and added as what it was accepted as: see `Sandbox::load_as`.
    ///
    /// # Errors
    /// `Sandbox`.
    pub fn sandbox(&self) -> Result<Sandbox, RunnerError> {
        Ok(self.inner.sandbox.get()?)
    }

    /// Checks, compiles and adds a component. Nothing of it runs but `describe`. The first one sets up the sandbox.
    ///
    /// # Errors
    /// `Load`; `Sandbox`; `DuplicateKind` for another kind of the same name; `MissingGrants` if it cannot work without
    /// something that the settings do not grant.
    pub async fn add_kind(&self, wasm: &[u8], settings: KindSettings) -> Result<Description, RunnerError> {
        self.add_loaded_kind(self.sandbox()?.load(wasm).await?, settings)
    }

    /// As `add_kind`, for what this runner's sandbox has loaded.
    ///
    /// # Errors
    /// `DuplicateKind` and `MissingGrants`, as `add_kind`.
    pub fn add_loaded_kind(
        &self,
        kind: Arc<taskwright_sandbox::Kind>,
        settings: KindSettings,
    ) -> Result<Description, RunnerError> {
        let description = kind.description().clone();
        let missing = kind.missing_grants(&settings.grants);
        if !missing.is_empty() && !settings.runs_elsewhere {
            return Err(RunnerError::MissingGrants { kind: description.kind, missing });
        }
        self.inner.catalog.add(Kind::component(kind, settings))?;
        Ok(description)
    }

    /// As `add_kind`, and where there is another version of the kind this one takes its place: new tasks run it, and those that
    /// began with another go on with that (L43).
    ///
    /// # Errors
    /// `Load`; `Sandbox`; `DuplicateKind` if the kind there is native.
    pub async fn upgrade_kind(&self, wasm: &[u8], settings: KindSettings) -> Result<Description, RunnerError> {
        self.upgrade_loaded_kind(self.sandbox()?.load(wasm).await?, settings)
    }

    /// As `upgrade_kind`, for what this runner's sandbox has loaded.
    ///
    /// # Errors
    /// `DuplicateKind` if the kind there is native.
    pub fn upgrade_loaded_kind(
        &self,
        kind: Arc<taskwright_sandbox::Kind>,
        settings: KindSettings,
    ) -> Result<Description, RunnerError> {
        let description = kind.description().clone();
        self.inner.catalog.upgrade(Kind::component(kind, settings))?;
        Ok(description)
    }

    /// Adds a version of a kind for the tasks alone that began with it. `Store::code_in_use` says which versions are still
    /// needed.
    ///
    /// # Errors
    /// `Load`; `Sandbox`.
    pub async fn keep_kind(&self, wasm: &[u8], settings: KindSettings) -> Result<Description, RunnerError> {
        Ok(self.keep_loaded_kind(self.sandbox()?.load(wasm).await?, settings))
    }

    /// As `keep_kind`, for what this runner's sandbox has loaded.
    pub fn keep_loaded_kind(&self, kind: Arc<taskwright_sandbox::Kind>, settings: KindSettings) -> Description {
        let description = kind.description().clone();
        self.inner.catalog.keep(Kind::component(kind, settings));
        description
    }

    /// Claims no more tasks of a kind and creates none, in any version. Instances that exist go on; what was claimed and has
    /// none yet is given back as it was. Says whether the kind was there.
    pub fn remove_kind(&self, kind: &str) -> bool {
        self.inner.catalog.remove(kind)
    }

    /// Changes what a kind is granted, in all its versions. What is revoked no instance can use in a call that begins after
    /// this has returned; a folder, or a wider access to one, is for instances that are made later. Code of this process is
    /// not touched.
    ///
    /// # Errors
    /// `UnknownKind`.
    pub fn set_grants(&self, kind: &str, grants: Grants) -> Result<(), RunnerError> {
        self.inner.catalog.allow(kind, |settings| settings.grants.clone_from(&grants))
    }

    /// Changes what the operator allows a kind: grants as with `set_grants`, the budget for instances made from now on.
    ///
    /// # Errors
    /// `UnknownKind`.
    pub fn set_settings(&self, kind: &str, settings: KindSettings) -> Result<(), RunnerError> {
        self.inner.catalog.allow(kind, |present| present.clone_from(&settings))
    }

    /// What an attempt of a new task of a kind may use, before its creator's word: the kind's wishes within the operator's
    /// limits. `None` for code of this process, which nothing limits.
    ///
    /// # Errors
    /// `UnknownKind`.
    pub fn kind_budget(&self, kind: &str) -> Result<Option<Budget>, RunnerError> {
        Ok(self.inner.catalog.get(kind)?.budget())
    }

    /// Adds a kind that is code of this process. It is trusted: no sandbox, no budget, no grants.
    ///
    /// # Errors
    /// `Load` if what it says of itself breaks a rule that components keep too; `DuplicateKind` for any other kind of the
    /// same name, the same one included.
    pub fn add_native_kind(&self, kind: impl NativeKind) -> Result<Description, RunnerError> {
        let kind = Kind::native(Arc::new(kind))?;
        let description = kind.description().clone();
        self.inner.catalog.add(kind)?;
        Ok(description)
    }

    /// What the kinds that were added say of themselves, by name.
    #[must_use]
    pub fn kinds(&self) -> Vec<Description> {
        self.inner.catalog.descriptions()
    }

    /// A session's view.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Session {
        Session { inner: self.inner.clone(), id }
    }

    /// Starts to work off the store, for all sessions, in the background.
    pub fn serve(&self) {
        self.keep_up();
        if let Some(keep) = self.inner.config.retention {
            self.until_drained(async move |inner| retain(inner.store.as_ref(), &inner.files, keep).await);
        }
        self.until_drained(async |inner| look_at_queue(&inner).await);
        self.inner.dispatchers.spawn(dispatch(self.inner.clone(), None));
    }

    /// Starts to work on one task alone, in the background, also when it is resumed or retried.
    pub fn run_only(&self, task: &TaskId) {
        self.keep_up();
        self.inner.dispatchers.spawn(dispatch(self.inner.clone(), Some(task.clone())));
    }

    /// Keeps this host's lease and looks for hosts that have lost theirs, from the first call on.
    pub(crate) fn keep_up(&self) {
        self.inner.upkeep.get_or_init(|| {
            let inner = self.inner.clone();
            // It ends when the lease is closed.
            tokio::spawn(async move { inner.lease.keep(inner.store.clone(), &inner.at_work).await });
            self.until_drained(async |inner| session_end::carry_out(&inner).await);
            self.until_drained(async |inner| reap(&inner).await);
            self.until_drained(async |inner| end_overdue(&inner).await);
        });
    }

    /// Does something in the background until the runner drains.
    fn until_drained<F: Future<Output = ()> + Send>(&self, work: impl FnOnce(Arc<Inner>) -> F + Send + 'static) {
        let (inner, drain) = (self.inner.clone(), self.inner.drain.clone());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = drain.raised() => {}
                () = work(inner) => {}
            }
        });
    }

    /// How many instances there are at the moment.
    #[must_use]
    pub fn resident(&self) -> usize {
        self.inner.executions.len()
    }

    /// Claims nothing any more. Tasks that can be started elsewhere are given back, within their attempt, at their next
    /// checkpoint, when they ask something, when they lie down, or after `drain_grace`; those that are bound to this host go
    /// on until their end, and after `drain_grace` fail as `interrupted`. Returns when no instance is left and the lease is
    /// given up; what each task has come to is durable then. A call of the waker may end within `drain_grace`; what is not
    /// taken by then, and what the last outcomes wake for, is left to whoever delivers next.
    ///
    /// It ends whatever the store does: at most 13 seconds after `drain_grace` what could not be written is left, and counted.
    pub async fn drain(&self) -> Drained {
        let inner = &self.inner;
        inner.drain.raise();
        let rest = async {
            inner.dispatchers.close();
            inner.dispatchers.wait().await;
            inner.executions.close();
            inner.executions.wait().await;
            inner.deliveries.close();
            inner.deliveries.wait().await;
        };
        let ends = Instant::now().checked_add(inner.config.drain_grace.saturating_add(LAST_WRITES));
        let in_time = match ends {
            Some(ends) => timeout_at(ends, rest).await.is_ok(),
            // Longer than time can be counted.
            None => {
                rest.await;
                true
            }
        };
        inner.cutoff.raise();
        // Instances stop with the lease.
        inner.lease.close().await;
        if !in_time {
            inner.executions.close();
            // What does not end is counted below.
            let _ = timeout(CUT_OFF, inner.executions.wait()).await;
        }
        let left = inner.unwritten.load(Ordering::Relaxed) + inner.executions.len();
        if left > 0 {
            tracing::error!(left, "the store did not take what became of tasks; they go on as those of a lost host");
        }
        Drained { left }
    }

    /// Waits until the store is found not to be there any more, which every renewal of the lease looks for: its file or tables were
    /// removed, or others are in their place. All instances are stopped then, nothing is claimed any more, and every verb of the store
    /// is an error. Never returns before `serve`, `run_only` or `deliver_wakes`.
    pub async fn store_gone(&self) -> StoreError {
        self.inner.lease.store_gone().await
    }

    /// Forgets, now, what was over so long ago in all sessions: records with their messages, results, checkpoints and files, and
    /// the beginning of the log. Live tasks and the parents of tasks that are kept stay.
    ///
    /// # Errors
    /// Those of the store; what was forgotten before stays forgotten.
    pub async fn prune(&self, older_than: Duration) -> Result<Forgotten, RunnerError> {
        self.forget(None, older_than).await
    }

    /// Forgets, now, the tasks of one session that were over so long ago, as `prune` does. Its log stays as it is: the log goes by
    /// age in all sessions at once.
    ///
    /// # Errors
    /// Those of the store; what was forgotten before stays forgotten.
    pub async fn prune_session(&self, session: &SessionId, older_than: Duration) -> Result<Forgotten, RunnerError> {
        self.forget(Some(session), older_than).await
    }

    async fn forget(&self, only: Option<&SessionId>, older_than: Duration) -> Result<Forgotten, RunnerError> {
        let store = self.inner.store.as_ref();
        match retention::older_than(store, older_than) {
            Some(before) => Ok(retention::forget_all(store, &self.inner.files, before, only).await?),
            None => Ok(Forgotten::default()),
        }
    }

    /// Deletes a task of which something cannot be read, with its files: [`Repair`](taskwright_store::Repair).
    ///
    /// # Errors
    /// Those of `Repair::delete_unreadable`, which come before a file is removed; `Files`, if some are left in the task's folder.
    pub async fn delete_unreadable(&self, session: &SessionId, id: &TaskId) -> Result<(), RunnerError> {
        self.inner.store.delete_unreadable(session, id).await?;
        Ok(self.inner.files.remove_task(id).await?)
    }

    /// How many tasks `prune` would begin with; parents that could follow their children are not counted.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prunable(&self, older_than: Duration) -> Result<usize, RunnerError> {
        self.count_old(None, older_than).await
    }

    /// How many tasks `prune_session` would begin with; parents that could follow their children are not counted.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prunable_in(&self, session: &SessionId, older_than: Duration) -> Result<usize, RunnerError> {
        self.count_old(Some(session), older_than).await
    }

    async fn count_old(&self, only: Option<&SessionId>, older_than: Duration) -> Result<usize, RunnerError> {
        let store = self.inner.store.as_ref();
        match retention::older_than(store, older_than) {
            Some(before) => Ok(retention::count(store, before, only).await?),
            None => Ok(0),
        }
    }

    /// The hosts that have a lease in this store, and those that had one and left tasks behind.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn hosts(&self) -> Result<Vec<HostStatus>, RunnerError> {
        Ok(self.inner.store.hosts().await?)
    }
}
