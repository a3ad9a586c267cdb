//! A stage for one case: a store on virtual time, hosts with a way of their own to it, and a session.
//! Does not do anything by chance: `run` does.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use taskwright_runner::registry::{LeaseLength, Task, TaskId};
use taskwright_runner::store::Store;
use taskwright_runner::{NativeKind, Runner, RunnerConfig, RunnerParts, Session, SessionFiles, TaskRequest};
use taskwright_system_tests::{NativeWalkthrough, store_on_virtual_time};

/// The lease of every host.
pub(crate) const LEASE: Duration = Duration::from_secs(6);

/// Runs a case on paused time, in a runtime of its own.
pub(crate) fn act(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    // Of virtual time: what waits for ever is found at once.
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2 * 86_400), case).await.expect("it hangs") });
}

pub(crate) struct Stage {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: SessionFiles,
    pub(crate) session: Session,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(store_on_virtual_time()))
    }

    pub(crate) fn over(store: Arc<dyn Store>) -> Self {
        let files = SessionFiles::in_memory();
        let user = RunnerParts::new(store.clone(), files.clone()).runner();
        user.add_native_kind(NativeWalkthrough).expect("the walkthrough");
        Self { store, files, session: user.session("here".parse().expect("a session id")) }
    }

    /// A host that does not serve yet.
    pub(crate) fn host(&self, store: Arc<dyn Store>, kind: impl NativeKind) -> Runner {
        self.host_with(store, kind, config())
    }

    pub(crate) fn host_with(&self, store: Arc<dyn Store>, kind: impl NativeKind, config: RunnerConfig) -> Runner {
        let runner = RunnerParts::new(store, self.files.clone()).config(config).runner();
        runner.add_native_kind(kind).expect("a kind");
        runner
    }

    pub(crate) fn walk(&self, steps: Value) -> TaskRequest<'_> {
        self.session.task("walkthrough", json!({ "steps": steps }))
    }

    pub(crate) async fn when(&self, id: &TaskId, condition: impl Fn(&Task) -> bool) -> Task {
        self.session.wait_until(id, None, condition).await.expect("the task").task
    }
}

pub(crate) fn config() -> RunnerConfig {
    RunnerConfig { lease: LeaseLength::new(LEASE).expect("a length"), ..RunnerConfig::default() }
}
