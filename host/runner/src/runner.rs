//! The runner: a store, a catalog of kinds, a sandbox once one of them needs it, and what is at work.
//! Does not talk to guests or decide about tasks itself: executions do the one, the core the other.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use taskwright_registry::{Description, HostId, HostRef, SessionId, Task, TaskId};
use taskwright_store::Store;
use tokio::sync::Semaphore;

use crate::at_work::AtWork;
use crate::catalog::Catalog;
use crate::chance::Chance;
use crate::dispatcher::dispatch;
use crate::hub::Hub;
use crate::kind::Kind;
use crate::sandbox_on_demand::SandboxOnDemand;
use crate::signal::Signal;
use crate::{KindSettings, NativeKind, RunnerConfig, RunnerError, RunnerParts, Session, SessionFiles};

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: SessionFiles,
    pub(crate) config: RunnerConfig,
    pub(crate) catalog: Catalog,
    pub(crate) hub: Arc<Hub>,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) host: HostRef,
    pub(crate) drain: Signal<bool>,
    /// Tasks whose instance is to be dropped without a grace.
    pub(crate) aborts: Signal<HashSet<TaskId>>,
    pub(crate) at_work: AtWork,
    pub(crate) executions: tokio_util::task::TaskTracker,
    pub(crate) chance: Arc<Chance>,
    sandbox: SandboxOnDemand,
    pump: tokio::task::AbortHandle,
}

impl Inner {
    /// Puts the result beside the artifacts, where people and programs look for it. The store has it already, in the
    /// transaction of the outcome; this copy is for convenience.
    pub(crate) async fn project_result(&self, task: &Task, path: &str) {
        let written = match self.store.result(&task.session_id, &task.id).await {
            Ok(Some(result)) => match serde_json::to_vec_pretty(&result) {
                Ok(bytes) => self.files.put_copy(path, bytes).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            },
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            tracing::warn!(task = %task.id, error, "a result was not copied to the session's files");
        }
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
    inner: Arc<Inner>,
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
        let hub = Hub::new();
        let pump = tokio::spawn(hub.clone().pump(store.changes())).abort_handle();
        let chance = Arc::new(Chance::new(config.seed));
        let host = HostRef { id: HostId::new(store.now(), chance.bits()), epoch: 1 };
        Self {
            inner: Arc::new(Inner {
                store,
                files,
                catalog: Catalog::default(),
                hub,
                slots: Arc::new(Semaphore::new(config.slots.clamp(1, Semaphore::MAX_PERMITS))),
                config,
                host,
                drain: Signal::new(false),
                aborts: Signal::new(HashSet::new()),
                at_work: AtWork::default(),
                executions: tokio_util::task::TaskTracker::new(),
                chance,
                sandbox,
                pump,
            }),
        }
    }

    /// Checks, compiles and adds a component. Nothing of it runs but `describe`. The first one sets up the sandbox.
    ///
    /// # Errors
    /// `Load`; `Sandbox`; `DuplicateKind` for another kind of the same name.
    pub async fn add_kind(&self, wasm: &[u8], settings: KindSettings) -> Result<Description, RunnerError> {
        let kind = self.inner.sandbox.get()?.load(wasm).await?;
        let description = kind.description().clone();
        self.inner.catalog.add(Kind::component(kind, settings))?;
        Ok(description)
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
        tokio::spawn(dispatch(self.inner.clone(), None));
    }

    /// Starts to work on one task alone, in the background, also when it is resumed or retried.
    pub fn run_only(&self, task: &TaskId) {
        tokio::spawn(dispatch(self.inner.clone(), Some(task.clone())));
    }

    /// How many instances there are at the moment.
    #[must_use]
    pub fn resident(&self) -> usize {
        self.inner.executions.len()
    }

    /// Claims nothing any more, gives tasks back that another host or a later start can take up, waits for the others up to
    /// `drain_grace`, and returns when no instance is left.
    pub async fn drain(&self) {
        self.inner.drain.raise();
        self.inner.executions.close();
        self.inner.executions.wait().await;
    }
}
