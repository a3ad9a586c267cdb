//! A store, a runner that runs nothing unless told to, and a session; and the host's side of a task, by hand.
//! Does not hold a case of its own.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use taskwright_runner::registry::{
    Direction, Lineage, MessageId, NewInputRequest, NewMessage, NewTask, Part, SessionId, State, Task, TaskId,
    TaskUpdate,
};
use taskwright_runner::store::{MemoryStore, SqliteOptions, SqliteStore, Store};
use taskwright_runner::{Runner, RunnerConfig, RunnerParts, Session, SessionFiles};
use taskwright_system_tests::NativeWalkthrough;

/// Longer than any of these tests takes; a wait that ends with it has missed something.
pub(crate) const LONG: Option<Duration> = Some(Duration::from_secs(60));

pub(crate) struct Stage {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) runner: Runner,
    pub(crate) session: Session,
    drawn: AtomicU64,
    _folder: Option<tempfile::TempDir>,
}

/// Ends a test that hangs.
pub(crate) async fn within<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), test).await.expect("the test hangs")
}

/// Makes a test of each case for each store.
#[macro_export]
macro_rules! in_each_store {
    ($($case:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::stage::within(super::$case($crate::stage::Stage::memory())).await;
            })+
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::stage::within(super::$case($crate::stage::Stage::sqlite())).await;
            })+
        }
    };
}

impl Stage {
    pub(crate) fn memory() -> Self {
        Self::over(Arc::new(MemoryStore::new()), None)
    }

    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path().join("registry.db"), SqliteOptions::default()).expect("a store");
        Self::over(Arc::new(store), Some(folder))
    }

    fn over(store: Arc<dyn Store>, folder: Option<tempfile::TempDir>) -> Self {
        Self::seeing(store.clone(), store, folder)
    }

    /// A stage whose runner, and so its session, sees the store through another one.
    pub(crate) fn seeing(store: Arc<dyn Store>, seen: Arc<dyn Store>, folder: Option<tempfile::TempDir>) -> Self {
        let parts = RunnerParts::new(seen, SessionFiles::in_memory());
        let runner = parts.config(RunnerConfig { drain_grace: Duration::ZERO, ..RunnerConfig::default() }).runner();
        let session = runner.session(here());
        Self { store, runner, session, drawn: AtomicU64::new(0), _folder: folder }
    }

    /// The walkthrough is there, and is run.
    pub(crate) fn serving(self) -> Self {
        self.runner.add_native_kind(NativeWalkthrough).expect("the walkthrough");
        self.runner.serve();
        self
    }

    fn bits(&self) -> [u8; 10] {
        let mut bits = [0; 10];
        bits[2..].copy_from_slice(&self.drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        bits
    }

    pub(crate) fn new_task(&self, kind: &str) -> NewTask {
        NewTask::new(TaskId::new(self.store.now(), self.bits()), here(), kind, json!({}))
    }

    pub(crate) async fn create(&self, new: NewTask) -> Task {
        self.store.create(new).await.expect("creation").task
    }

    pub(crate) async fn task(&self) -> Task {
        self.create(self.new_task("probe")).await
    }

    pub(crate) async fn tasks(&self, count: usize) -> Vec<TaskId> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.task().await.id);
        }
        ids
    }

    /// A task of a session that has nothing to do with this one.
    pub(crate) async fn foreign(&self) -> Task {
        let new = self.new_task("probe");
        self.create(NewTask { session_id: stranger(), ..new }).await
    }

    pub(crate) async fn update(&self, id: &TaskId, update: TaskUpdate) -> Task {
        self.store.update(&here(), id, update).await.expect("an accepted update")
    }

    pub(crate) async fn to(&self, id: &TaskId, state: State) -> Task {
        self.update(id, TaskUpdate { state: Some(state), ..TaskUpdate::default() }).await
    }

    pub(crate) async fn detail(&self, id: &TaskId, text: &str) -> Task {
        self.update(id, TaskUpdate { state_detail: Some(Some(text.to_owned())), ..TaskUpdate::default() }).await
    }

    pub(crate) async fn ask(&self, id: &TaskId) -> Task {
        let question = NewInputRequest { prompt: "which?".to_owned(), expected: None, random: self.bits() };
        self.update(id, TaskUpdate { input_request: Some(question), ..TaskUpdate::default() }).await
    }

    /// The task says something to its session.
    pub(crate) async fn post(&self, id: &TaskId, part: Part) -> MessageId {
        let message = NewMessage {
            id: MessageId::new(self.store.now(), self.bits()),
            fence: None,
            direction: Direction::Outbound,
            parts: vec![part],
            in_reply_to: None,
        };
        self.store.record_message(&here(), id, message).await.expect("a message").message.id
    }
}

pub(crate) fn here() -> SessionId {
    "here".parse().expect("a session id")
}

pub(crate) fn stranger() -> SessionId {
    "stranger".parse().expect("a session id")
}

pub(crate) fn child_of(parent: &TaskId) -> Lineage {
    Lineage { task_id: Some(parent.to_string()), ..Lineage::default() }
}

pub(crate) fn in_run(run: &str) -> Lineage {
    Lineage { run_id: Some(run.to_owned()), ..Lineage::default() }
}
