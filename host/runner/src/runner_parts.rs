//! What a runner is put together from, for embedders with several runners or with files of their own choice.
//! Does not open anything: a store and files come open.

use std::sync::Arc;

use taskwright_sandbox::Sandbox;
use taskwright_store::Store;

use crate::sandbox_on_demand::SandboxOnDemand;
use crate::{Runner, RunnerConfig, SessionFiles};

/// The parts of a runner. [`Runner::open`] is the short way where a store and a folder are all there is.
///
/// ```
/// # async fn demo() {
/// use std::sync::Arc;
/// use taskwright_runner::store::MemoryStore;
/// use taskwright_runner::{RunnerConfig, RunnerParts, SessionFiles};
///
/// let parts = RunnerParts::new(Arc::new(MemoryStore::new()), SessionFiles::in_memory());
/// let runner = parts.config(RunnerConfig { seed: Some(7), ..RunnerConfig::default() }).runner();
/// # drop(runner); }
/// ```
#[must_use = "it is no runner before `runner` is called"]
pub struct RunnerParts {
    store: Arc<dyn Store>,
    files: SessionFiles,
    sandbox: Option<Sandbox>,
    config: RunnerConfig,
}

impl RunnerParts {
    /// A store and files, which others may hold too; the default settings, and a sandbox of the runner's own when it needs
    /// one.
    pub fn new(store: Arc<dyn Store>, files: SessionFiles) -> Self {
        Self { store, files, sandbox: None, config: RunnerConfig::default() }
    }

    /// Settings. Those of the sandbox are not used where one is given.
    pub fn config(mut self, config: RunnerConfig) -> Self {
        self.config = config;
        self
    }

    /// A sandbox that other runners of this process have too: one engine, one cache of compiled code, and one bound on the
    /// number of instances for all of them.
    pub fn sandbox(mut self, sandbox: &Sandbox) -> Self {
        self.sandbox = Some(sandbox.clone());
        self
    }

    /// Makes the runner. It claims nothing before `serve` or `run_only`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn runner(self) -> Runner {
        let kept = self.store.local_paths().into_iter().chain(self.files.local_folders()).collect();
        let sandbox = match self.sandbox {
            Some(sandbox) => SandboxOnDemand::given(sandbox, kept),
            None => SandboxOnDemand::own(self.config.sandbox.clone(), kept),
        };
        Runner::new(self.store, self.files, sandbox, self.config)
    }
}
