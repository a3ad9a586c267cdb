//! A workbench for one test: a store, a folder, a runner with kinds, a session.
//! Does not start to serve: a test does when it is ready.

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use taskwright_runner::registry::{Event, State, Task};
use taskwright_runner::store::{MemoryStore, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};
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
    Postgres,
}

impl Data {
    /// Whether there can be such a store here; says so if not.
    pub(crate) fn is_there(self) -> bool {
        let Data::Postgres = self else { return true };
        let address = taskwright_test_postgres::address();
        address.inspect_err(|why| taskwright_test_postgres::skipped(why)).is_ok()
    }
}

/// Where the records are, for who opens them again.
#[derive(Clone)]
enum Database {
    Memory,
    Sqlite(PathBuf),
    /// In a schema of its own.
    Postgres(String),
}

impl Database {
    async fn open(&self) -> Option<Arc<dyn Store>> {
        Some(match self {
            Database::Memory => return None,
            Database::Sqlite(path) => Arc::new(SqliteStore::open(path, SqliteOptions::default()).expect("a store")),
            Database::Postgres(schema) => {
                let options = PostgresOptions { connections: 6, schema: schema.clone(), ..PostgresOptions::default() };
                let address = taskwright_test_postgres::address().expect("a server");
                Arc::new(PostgresStore::open(address, options).await.expect("a store"))
            }
        })
    }
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
    database: Database,
    code: Code,
    /// Which call of the runners to the store fails, if one does.
    faults: Option<Arc<FaultPlan>>,
    /// All runners of the case, for who has to end them: one that serves keeps its store open.
    pub(crate) runners: Arc<Mutex<Vec<Runner>>>,
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
        static SCHEMAS: AtomicU64 = AtomicU64::new(0);
        let database = match data {
            Data::Memory => Database::Memory,
            Data::Sqlite => Database::Sqlite(folder.path().join("registry.db")),
            Data::Postgres => {
                let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
                Database::Postgres(format!("bench_{}_{number}", std::process::id()))
            }
        };
        let store = match database.open().await {
            Some(store) => store,
            None => Arc::new(MemoryStore::new()),
        };
        Self::over(store, folder, database, code, faults, Arc::default(), settings()).await
    }

    /// How many tasks make many: fewer where the case is run again and again.
    pub(crate) fn many(&self) -> u64 {
        if self.faults.is_some() { 5 } else { 200 }
    }

    async fn over(
        store: Arc<dyn Store>,
        folder: Arc<tempfile::TempDir>,
        database: Database,
        code: Code,
        faults: Option<Arc<FaultPlan>>,
        runners: Arc<Mutex<Vec<Runner>>>,
        mut config: RunnerConfig,
    ) -> Self {
        // Several sandboxes are there at one time, and the kernel gives a process 65,530 mappings: one for a thousand instances
        // has sixteen thousand.
        config.sandbox.max_instances = config.sandbox.max_instances.min(100);
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
        runners.lock().expect("no panic under the lock").push(runner.clone());
        Self { store, runner, session, folder, database, code, faults, runners }
    }

    /// The same store and files with a new runner of other settings.
    pub(crate) async fn with_config(&self, config: RunnerConfig) -> Self {
        let (store, folder, database) = (self.store.clone(), self.folder.clone(), self.database.clone());
        let (faults, runners) = (self.faults.clone(), self.runners.clone());
        Self::over(store, folder, database, self.code, faults, runners, config).await
    }

    /// As after a restart of the process: the file is opened anew, if there is one.
    pub(crate) async fn restarted(&self) -> Self {
        let store = self.database.open().await.unwrap_or_else(|| self.store.clone());
        let (folder, database) = (self.folder.clone(), self.database.clone());
        let (faults, runners) = (self.faults.clone(), self.runners.clone());
        Self::over(store, folder, database, self.code, faults, runners, settings()).await
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
