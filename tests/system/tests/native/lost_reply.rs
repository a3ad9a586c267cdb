//! A task that ends and moves before its host has heard that it ended.
//! Does not test what moves: the conformance suite does.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use taskwright_runner::registry::{SessionId, State, TaskId};
use taskwright_runner::sandbox::{ArtifactContent, AttemptHost, NewArtifact, Step};
use taskwright_runner::store::{Store, StoreError, store_through};
use taskwright_runner::{RunnerParts, SessionFiles};
use taskwright_system_tests::store_on_virtual_time;

use crate::odd_kind::Odd;
use crate::within;

fn session(id: &str) -> SessionId {
    id.parse().expect("a session id")
}

/// Moves the task as soon as it is over, and loses the reply to the write that has ended it.
struct MovesBehind {
    inner: Arc<dyn Store>,
    task: Arc<OnceLock<TaskId>>,
    moved: AtomicBool,
}

impl MovesBehind {
    async fn through<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let done = call.await?;
        if let Some(task) = self.task.get().filter(|_| verb == "update" && !self.moved.load(Ordering::SeqCst)) {
            let (here, there) = (session("here"), session("there"));
            if self.inner.get(&here, task).await.is_ok_and(|task| task.state.is_terminal()) {
                self.moved.store(true, Ordering::SeqCst);
                self.inner.transfer(&here, std::slice::from_ref(task), &there).await.expect("a move");
                return Err(StoreError::Unknown { reason: "the reply was lost".to_owned() });
            }
        }
        Ok(done)
    }
}

store_through!(MovesBehind);

// L48: the result of a task that had moved by the time that its host looked for it was not copied to the session's files.
#[tokio::test(start_paused = true)]
async fn a_task_that_ends_and_moves_behind_a_lost_reply_has_its_result_among_the_files() {
    within(async {
        let task = Arc::new(OnceLock::new());
        let inner: Arc<dyn Store> = Arc::new(store_on_virtual_time());
        let store = MovesBehind { inner: inner.clone(), task: task.clone(), moved: AtomicBool::new(false) };
        let files = SessionFiles::in_memory();
        let runner = RunnerParts::new(Arc::new(store), files.clone()).runner();
        let kind = Odd::new(|host: Arc<dyn AttemptHost>, _| async move {
            let (name, media_type) = ("note.txt".to_owned(), "text/plain".to_owned());
            let content = ArtifactContent::Bytes(b"note".to_vec());
            host.artifact(NewArtifact { name, media_type, content }).await?;
            Ok(Step::Succeeded { summary: None, result: Some(json!({"answer": 42})) })
        });
        runner.add_native_kind(kind).unwrap();
        let created = runner.session(session("here")).task("odd", json!({})).create().await.unwrap();
        task.set(created.id.clone()).unwrap();
        runner.serve();
        let there = runner.session(session("there"));
        let mut changes = inner.changes();
        while there.get(&created.id).await.is_err() {
            changes.recv().await.unwrap();
        }
        runner.drain().await;
        let done = there.get(&created.id).await.unwrap();
        assert_eq!((done.state, done.attempt), (State::Succeeded, 1));
        let copy = files.read(done.result_path.as_deref().expect("a path")).await.expect("the copy of the result");
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&copy).unwrap(), json!({"answer": 42}));
        let note = done.artifacts[0].path.as_deref().expect("a path");
        assert_eq!(files.read(note).await.expect("the artifact"), b"note".as_slice());
    })
    .await;
}
