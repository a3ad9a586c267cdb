//! A workbench for one test: a store, a folder, a runner with kinds, a session.
//! Does not start to serve: a test does when it is ready.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use taskwright_runner::registry::{Event, State, Task};
use taskwright_runner::store::{MemoryStore, SqliteOptions, SqliteStore, Store};
use taskwright_runner::{KindSettings, Runner, RunnerConfig, Session};
use taskwright_system_tests::{FaultPlan, FaultStore, NativeWalkthrough};

/// Ends a test that hangs. Generous: it is no measurement.
pub(crate) async fn within<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), test).await.expect("the test hangs")
}

/// Which store there is.
#[derive(Clone, Copy)]
pub(crate) enum Data {
    Memory,
    Sqlite,
}

/// What the walkthrough is.
#[derive(Clone, Copy)]
pub(crate) enum Code {
    Component,
    Native,
}

pub(crate) struct Bench {
    /// The store as it is; the runner's may fail.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) runner: Runner,
    pub(crate) session: Session,
    pub(crate) folder: Arc<tempfile::TempDir>,
    database: Option<PathBuf>,
    code: Code,
    /// Which call of the runners to the store fails, if one does.
    faults: Option<Arc<FaultPlan>>,
}

/// Settings that a test does not care about.
fn settings() -> RunnerConfig {
    // Nobody wants to watch a drain whose tasks have nothing left to keep.
    RunnerConfig { drain_grace: Duration::from_millis(200), ..RunnerConfig::default() }
}

impl Bench {
    pub(crate) async fn new(data: Data, code: Code) -> Self {
        Self::with_faults(data, code, None).await
    }

    /// A bench whose runners meet a failing store.
    pub(crate) async fn with_faults(data: Data, code: Code, faults: Option<Arc<FaultPlan>>) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let (store, database): (Arc<dyn Store>, _) = match data {
            Data::Memory => (Arc::new(MemoryStore::new()), None),
            Data::Sqlite => {
                let path = folder.path().join("registry.db");
                let store = SqliteStore::open(&path, SqliteOptions::default()).expect("a new store");
                (Arc::new(store), Some(path))
            }
        };
        Self::over(store, folder, database, code, faults, settings()).await
    }

    /// How many tasks make many: fewer where the case is run again and again.
    pub(crate) fn many(&self) -> u64 {
        if self.faults.is_some() { 5 } else { 200 }
    }

    async fn over(
        store: Arc<dyn Store>,
        folder: Arc<tempfile::TempDir>,
        database: Option<PathBuf>,
        code: Code,
        faults: Option<Arc<FaultPlan>>,
        mut config: RunnerConfig,
    ) -> Self {
        // One cache for all tests of this process: every component is compiled once.
        config.sandbox.cache_dir = Some(std::env::temp_dir().join(format!("taskwright-tests-{}", std::process::id())));
        let seen: Arc<dyn Store> = match &faults {
            Some(plan) => Arc::new(FaultStore::new(store.clone(), plan.clone())),
            None => store.clone(),
        };
        let runner = Runner::open_shared(seen, folder.path().join("files"), config).expect("a runner");
        let added = match code {
            Code::Component => runner.add_kind(taskwright_components::WALKTHROUGH, KindSettings::default()).await,
            Code::Native => runner.add_native_kind(NativeWalkthrough),
        };
        added.expect("the walkthrough");
        let session = runner.session("here".parse().expect("a session id"));
        Self { store, runner, session, folder, database, code, faults }
    }

    /// The same store and files with a new runner of other settings.
    pub(crate) async fn with_config(&self, config: RunnerConfig) -> Self {
        let (store, folder, database) = (self.store.clone(), self.folder.clone(), self.database.clone());
        Self::over(store, folder, database, self.code, self.faults.clone(), config).await
    }

    /// As after a restart of the process: the file is opened anew, if there is one.
    pub(crate) async fn restarted(&self) -> Self {
        let store: Arc<dyn Store> = match &self.database {
            Some(path) => Arc::new(SqliteStore::open(path, SqliteOptions::default()).expect("the store of before")),
            None => self.store.clone(),
        };
        let (folder, database) = (self.folder.clone(), self.database.clone());
        Self::over(store, folder, database, self.code, self.faults.clone(), settings()).await
    }

    /// Creates a walk.
    pub(crate) async fn walk(&self, steps: Value) -> Task {
        self.session.task("walkthrough", json!({ "steps": steps })).create().await.expect("created")
    }

    /// Creates a walk and waits for its end.
    pub(crate) async fn outcome_of(&self, steps: Value) -> Task {
        let task = self.walk(steps).await;
        self.session.outcome(&task.id).await.expect("an outcome")
    }

    /// Waits until the task is in a state.
    pub(crate) async fn until(&self, task: &Task, state: State) -> Task {
        let reached = self.session.wait_until(&task.id, None, |task| task.state == state || task.state.is_terminal());
        let task = reached.await.expect("the task").task;
        assert_eq!(task.state, state, "{:?}", task.error);
        task
    }

    /// Waits until a condition holds.
    pub(crate) async fn when(&self, task: &Task, condition: impl Fn(&Task) -> bool) -> Task {
        self.session.wait_until(&task.id, None, condition).await.expect("the task").task
    }

    /// The session's whole log.
    pub(crate) async fn log(&self) -> Vec<Event> {
        let mut events = self.session.events(0);
        let mut log = Vec::new();
        while let Some(event) = events.try_next().await.expect("the log") {
            log.push(event);
        }
        log
    }
}
