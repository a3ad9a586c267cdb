//! The user of a session, in the test's own process: creates, answers, sends and looks, and runs nothing.
//! Does not hold a lease, so that whatever becomes of a task is the doing of the processes under test.

use std::sync::Arc;

use serde_json::{Value, json};
use taskwright_registry::{Task, TaskId};
use taskwright_runner::{KindSettings, Runner, RunnerConfig, Session};
use taskwright_store::{SqliteOptions, SqliteStore, Store};

use crate::place::Place;

/// A user.
pub(crate) struct User {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) session: Session,
    runner: Runner,
}

impl User {
    pub(crate) async fn of(place: &Place) -> Self {
        let dir = place.path().join(".taskwright");
        let store = SqliteStore::open(dir.join("registry.db"), SqliteOptions::default()).expect("a store");
        Self::over(Arc::new(store), place).await
    }

    /// One who looks into another store than that of the folder.
    pub(crate) async fn over(store: Arc<dyn Store>, place: &Place) -> Self {
        let dir = place.path().join(".taskwright");
        let mut config = RunnerConfig::default();
        config.sandbox.cache_dir = Some(Place::state().join("code"));
        let runner = Runner::open_shared(store.clone(), dir.join("files"), config).expect("a runner");
        let added = runner.add_kind(taskwright_components::WALKTHROUGH, KindSettings::default()).await;
        added.expect("the walkthrough");
        Self { store, session: runner.session("default".parse().expect("a session id")), runner }
    }

    /// Another session of the same user.
    pub(crate) fn in_session(&self, name: &str) -> Session {
        self.runner.session(name.parse().expect("a session id"))
    }

    pub(crate) async fn walk(&self, steps: Value) -> Task {
        self.session.task("walkthrough", json!({ "steps": steps })).create().await.expect("created")
    }

    pub(crate) async fn when(&self, id: &TaskId, condition: impl Fn(&Task) -> bool) -> Task {
        self.session.wait_until(id, None, condition).await.expect("the task").task
    }

    /// The newest checkpoint of a walk.
    pub(crate) async fn memory(&self, task: &Task) -> Value {
        let bytes = self.store.checkpoint(&task.session_id, &task.id).await.expect("a checkpoint");
        bytes.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).expect("JSON"))
    }
}
