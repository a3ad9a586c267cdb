//! Instances that are stopped: what they run is dropped, and what they left behind has no more say.

use std::sync::{Arc, Mutex};

use serde_json::json;
use taskwright_runner::registry::{Phase, State, Supersede, TaskUpdate};
use taskwright_runner::sandbox::{AttemptHost, OutputStream, Refusal, Step};
use taskwright_runner::store::{MemoryStore, Store};
use taskwright_runner::{Runner, RunnerConfig};
use tokio::sync::{mpsc, oneshot};

use crate::odd_kind::Odd;
use crate::{runner_without_engine, within};

/// Everything that writes, through a host that an instance has let out of its hands.
async fn late_writes(host: &dyn AttemptHost) -> Vec<Refusal> {
    vec![
        host.state(Some("late".to_owned())).await.unwrap_err(),
        host.checkpoint(b"late".to_vec()).await.unwrap_err(),
        host.output(OutputStream::Output, "late\n".to_owned()).await.unwrap_err(),
        host.draft("late.txt".to_owned(), b"late".to_vec()).await.unwrap_err(),
        host.request_input("Late?".to_owned(), None).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn what_an_instance_writes_after_it_has_lain_down_is_refused() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner_without_engine(folder.path());
        let (out, mut hosts) = mpsc::unbounded_channel();
        let kind = Odd::new(move |host, _| {
            out.send(host).unwrap();
            async { Ok(Step::Wait) }
        });
        runner.add_native_kind(kind).unwrap();
        runner.serve();
        let session = runner.session("here".parse().unwrap());
        let task = session.task("odd", json!({})).create().await.unwrap();
        let host = hosts.recv().await.unwrap();
        let asleep = session.wait_until(&task.id, None, |task| task.dispatch.phase == Phase::Hibernating).await;
        let asleep = asleep.unwrap().task;
        for refusal in late_writes(&*host).await {
            assert_eq!(
                refusal,
                Refusal::Other("the instance was stopped: the instance is no longer needed".to_owned())
            );
        }
        assert_eq!(session.get(&task.id).await.unwrap(), asleep);
        assert_eq!(session.output(&task.id).await.unwrap().read().await.unwrap(), "");
    })
    .await;
}

#[tokio::test]
async fn what_a_superseded_instance_writes_is_refused_and_its_successor_goes_on() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let runner = Runner::open_shared(store.clone(), folder.path(), RunnerConfig::default()).unwrap();
        let (out, mut hosts) = mpsc::unbounded_channel();
        let kind = Odd::new(move |host, task| {
            out.send(host).unwrap();
            async move {
                if task.task.attempt == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(Step::Succeeded { summary: None, result: None })
            }
        });
        runner.add_native_kind(kind).unwrap();
        runner.serve();
        let session = runner.session("here".parse().unwrap());
        let task = session.task("odd", json!({})).create().await.unwrap();
        let first = hosts.recv().await.unwrap();
        // As a reaper does when it believes the host dead.
        let update = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
        store.update(&task.session_id, &task.id, update).await.unwrap();
        assert_eq!(late_writes(&*first).await, vec![Refusal::Superseded; 5]);
        let done = session.outcome(&task.id).await.unwrap();
        assert_eq!((done.state, done.attempt, done.state_detail), (State::Succeeded, 2, None), "{:?}", done.error);
        assert!(done.checkpoint.is_none() && done.artifacts.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_abort_drops_what_the_instance_runs() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner_without_engine(folder.path());
        let (out, mut ends) = mpsc::unbounded_channel();
        let kind = Odd::new(move |_, _| {
            let (held, dropped) = oneshot::channel::<()>();
            out.send(dropped).unwrap();
            async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok(Step::Wait)
            }
        });
        runner.add_native_kind(kind).unwrap();
        runner.serve();
        let session = runner.session("here".parse().unwrap());
        let task = session.task("odd", json!({})).create().await.unwrap();
        let dropped = ends.recv().await.unwrap();
        session.abort(&task.id, None).await.unwrap();
        dropped.await.expect_err("its sender is dropped with the call");
        assert_eq!(session.outcome(&task.id).await.unwrap().state, State::Canceled);
        runner.drain().await;
        assert_eq!(runner.resident(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_that_holds_its_thread_holds_up_nobody_and_has_no_more_say() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner_without_engine(folder.path());
        let (release, released) = std::sync::mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let (out, mut said) = mpsc::unbounded_channel();
        let kind = Odd::new(move |host: Arc<dyn AttemptHost>, _| {
            let (released, out) = (released.clone(), out.clone());
            async move {
                out.send(Ok(())).unwrap();
                released.lock().unwrap().recv().unwrap();
                out.send(host.state(Some("late".to_owned())).await).unwrap();
                Ok(Step::Wait)
            }
        });
        runner.add_native_kind(kind).unwrap();
        runner.serve();
        let session = runner.session("here".parse().unwrap());
        let task = session.task("odd", json!({})).create().await.unwrap();
        said.recv().await.unwrap().expect("it has begun");
        session.abort(&task.id, None).await.unwrap();
        let done = session.outcome(&task.id).await.unwrap();
        assert_eq!(done.state, State::Canceled, "{:?}", done.error);
        release.send(()).unwrap();
        let late = said.recv().await.unwrap();
        assert_eq!(late, Err(Refusal::Other("the instance was stopped: the session canceled the task".to_owned())));
        assert_eq!(session.get(&task.id).await.unwrap(), done);
    })
    .await;
}
