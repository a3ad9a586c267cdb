//! Where a row is played: a store, a folder, a runner with a real sandbox, an honest neighbour.
//! Does not say what is right: the row does, and `aftermath` does for all rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use taskwright_runner::registry::{CancelMode, CancelPolicy, Part, SessionId, Supersede, Task, TaskUpdate, WakePolicy};
use taskwright_runner::sandbox::{Sandbox, SandboxConfig};
use taskwright_runner::store::{
    MemoryStore, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store, TaskFilter, TaskQuery,
};
use taskwright_runner::{KindSettings, Runner, RunnerConfig, RunnerError, RunnerParts, Session, SessionFiles};

use crate::hostile::aftermath;
use crate::hostile::neighbour::Neighbour;
use crate::hostile::{Row, Script};
use crate::observed::whole_log;

/// When a row hangs. Far beyond every budget, so that a slow machine does not matter.
pub(crate) const HANGS: Duration = Duration::from_secs(240);

/// Which store there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Nothing on a disk.
    Memory,
    /// A database in a file.
    Sqlite,
    /// A schema of its own in a database of the tests' own server.
    Postgres,
}

impl Data {
    /// Whether there can be such a store here; says so if not.
    #[must_use]
    pub fn is_there(self) -> bool {
        let Data::Postgres = self else { return true };
        let address = taskwright_test_postgres::address();
        address.inspect_err(|why| taskwright_test_postgres::skipped(why)).is_ok()
    }
}

/// The sandbox that all rows share: components are compiled once, and what one row leaks is there at the end.
///
/// # Panics
/// If it cannot be set up.
#[must_use]
pub fn sandbox(cache: &Path) -> Sandbox {
    let config = SandboxConfig { cache_dir: Some(cache.to_owned()), max_instances: 500, ..SandboxConfig::default() };
    Sandbox::new(config).expect("a sandbox")
}

/// A stage for one row.
pub struct Stage {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: PathBuf,
    pub(crate) runner: Runner,
    pub(crate) hostile: Session,
    pub(crate) honest: Session,
}

/// What a row came to.
#[derive(Debug)]
pub struct Ended {
    /// What was said where there is no task.
    pub refused: Option<String>,
    /// The task, if there was one.
    pub task: Option<Task>,
    /// From the component's being offered, or else from what should end it, to the end.
    pub took: Duration,
    /// How long each of the neighbour's tasks took.
    pub neighbour: Vec<Duration>,
    /// Everything that is not as it should be.
    pub wrong: Vec<String>,
}

impl Stage {
    /// Sets one up in an empty folder.
    ///
    /// # Panics
    /// If that cannot be done.
    pub async fn set_up(data: Data, folder: &Path, sandbox: &Sandbox) -> Self {
        let store: Arc<dyn Store> = match data {
            Data::Memory => Arc::new(MemoryStore::new()),
            Data::Sqlite => {
                let path = folder.join("registry.db");
                Arc::new(SqliteStore::open(path, SqliteOptions::default()).expect("a new store"))
            }
            Data::Postgres => {
                static SCHEMAS: AtomicU64 = AtomicU64::new(0);
                let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
                let schema = format!("stage_{}_{number}", std::process::id());
                let options = PostgresOptions { schema, ..PostgresOptions::default() };
                let address = taskwright_test_postgres::address().expect("a server");
                Arc::new(PostgresStore::open(address, options).await.expect("a new store"))
            }
        };
        let files = folder.join("files");
        let config = RunnerConfig { drain_grace: Duration::from_millis(200), ..RunnerConfig::default() };
        let of_sessions = SessionFiles::folder(&files).expect("a folder for files");
        let runner = RunnerParts::new(store.clone(), of_sessions).config(config).sandbox(sandbox).runner();
        let honest = KindSettings::default();
        runner.add_kind(taskwright_components::WALKTHROUGH, honest).await.expect("the honest kind");
        let session = |name: &str| runner.session(name.parse::<SessionId>().expect("a session id"));
        Self { store, files, hostile: session("hostile"), honest: session("neighbour"), runner }
    }

    /// Lets the neighbour work alone for a while; gives how long each of its tasks took.
    pub async fn rest(self, time: Duration) -> Vec<Duration> {
        self.runner.serve();
        let neighbour = Neighbour::begin(self.honest.clone());
        tokio::time::sleep(time).await;
        let took = neighbour.stop().await.took;
        self.runner.drain().await;
        took
    }

    /// Plays a row, looks at what it left behind, and takes the stage down.
    pub async fn play(self, row: &Row) -> Ended {
        self.runner.serve();
        let neighbour = Neighbour::begin(self.honest.clone());
        let mut began = Instant::now();
        let played = tokio::time::timeout(HANGS, self.guest(row, &mut began)).await;
        let took = began.elapsed();
        let neighbour = neighbour.stop().await;
        let (refused, task, mut wrong) = match played {
            Ok(Ok(task)) => (None, Some(task), Vec::new()),
            Ok(Err(error)) => (Some(error.to_string()), None, Vec::new()),
            Err(_) => (None, None, vec![format!("it had not ended after {HANGS:?}: {}", self.stands().await)]),
        };
        wrong.extend(row.end.differs(refused.as_deref(), task.as_ref()));
        wrong.extend(neighbour.broken.iter().map(|problem| format!("the neighbour: {problem}")));
        if neighbour.took.is_empty() {
            wrong.push("the neighbour did not get to do anything".to_owned());
        }
        wrong.extend(aftermath::look(&self, Some(row)).await);
        Ended { refused, task, took, neighbour: neighbour.took, wrong }
    }

    /// Whatever a row leaves in a session: a few tasks.
    fn all() -> TaskQuery {
        TaskQuery { filter: TaskFilter::all(), limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() }
    }

    /// Paths to what is the host's own, from the stage's folder.
    fn own(&self) -> Vec<String> {
        let files = ["files", "files/.tasks", "./files/../files/.tasks", "sub/../files", ".taskwright"];
        let names =
            self.store.local_paths().into_iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        names.chain(files.map(str::to_owned)).collect()
    }

    /// How the hostile session's tasks stand, and the end of its log: what a reader needs who asks why one hangs.
    pub(crate) async fn stands(&self) -> String {
        let tasks = self.hostile.list(&Self::all()).await.map(|page| page.tasks);
        let log = whole_log(self.store.as_ref(), self.hostile.id()).await;
        let last = &log[log.len().saturating_sub(20)..];
        format!("by {}: {tasks:#?}\nthe log: {last:#?}", chrono::Utc::now())
    }

    /// `began` is set again when something happens that should end the task.
    async fn guest(&self, row: &Row, began: &mut Instant) -> Result<Task, RunnerError> {
        let mut settings = KindSettings { grants: row.grants.clone(), ..KindSettings::default().budget(row.budget) };
        let mut spec = row.spec.clone();
        if row.granted_all {
            settings = settings.folder_writable("files", self.files.parent().expect("the stage's folder"));
            spec = json!(self.own().join(" "));
        }
        let kind = self.runner.add_kind(row.guest, settings).await?.kind;
        let request = self.hostile.task(kind, spec).max_attempts(row.attempts);
        let request =
            request.cancel_policy(CancelPolicy { mode: CancelMode::Cooperative, grace_ms: row.end.grace_ms() });
        let task = request.wake(WakePolicy::OnActivity).create().await?;
        *began = Instant::now();
        let session = &self.hostile;
        let until = |condition: fn(&Task) -> bool| {
            session.wait_until(&task.id, None, move |task| condition(task) || task.state.is_terminal())
        };
        match &row.script {
            Script::Nothing => {}
            Script::Send(count) => {
                until(|task| task.state_detail.is_some()).await?;
                for number in 0..*count {
                    let sent = session.send(&task.id, vec![Part::Text(format!("message {number}"))], None).await;
                    if sent.is_err() {
                        // It is over already.
                        break;
                    }
                }
            }
            Script::Cancel => {
                until(|task| task.state_detail.is_some()).await?;
                *began = Instant::now();
                session.cancel(&task.id, Some("enough".to_owned())).await?;
            }
            Script::CancelAfter(instances) => {
                let instances = *instances;
                let enough = move |task: &Task| task.usage.instances >= instances || task.state.is_terminal();
                session.wait_until(&task.id, None, enough).await?;
                *began = Instant::now();
                session.cancel(&task.id, Some("enough".to_owned())).await?;
            }
            Script::Supersede => {
                until(|task| task.state_detail.is_some()).await?;
                let update = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
                self.store.update(session.id(), &task.id, update).await?;
            }
            Script::Answer(text) => {
                until(|task| task.input_request.is_some()).await?;
                session.answer(&task.id, Part::Data(json!(text))).await?;
            }
        }
        let ended = session.outcome(&task.id).await?;
        // What it has begun comes to its end as well.
        for begun in session.list(&Self::all()).await?.tasks {
            session.outcome(&begun.id).await?;
        }
        Ok(ended)
    }
}
