//! Work that is done elsewhere, as whoever does it sees it: reports, tokens, cancels, what a host does about silence.
//! Does not repeat what every store promises of it: the conformance suite has that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use taskwright_runner::registry::{
    CancelMode, CancelPolicy, Direction, EventBody, Part, Progress, Rejection, State, Task, TaskError, TaskId,
};
use taskwright_runner::sandbox::{ArtifactContent, NewArtifact, OutputStream, Refusal};
use taskwright_runner::store::{MessagePage, StoreError};
use taskwright_runner::{ExternalTask, RunnerError};
use tokio::sync::Notify;

use crate::stage::{LONG, Stage, stranger};

const AMPLE: Duration = Duration::from_secs(60);

async fn begin(stage: &Stage, name: &str) -> Arc<ExternalTask> {
    let request = stage.session.task("coding_agent", json!({"prompt": "do it"})).name(name);
    Arc::new(request.register_external(Some(format!("run-of-{name}"))).await.unwrap())
}

fn id(task: &ExternalTask) -> TaskId {
    task.token().task_id.clone()
}

fn superseded<T: std::fmt::Debug>(result: Result<T, RunnerError>) -> bool {
    matches!(result, Err(RunnerError::Store(StoreError::Rejected(Rejection::Superseded { .. }))))
}

async fn what_is_reported_from_elsewhere_is_a_task_like_any_other(stage: Stage) {
    let work = begin(&stage, "fix").await;
    let (sink, session) = (work.sink(), &stage.session);
    sink.state(Some("reading".to_owned())).await.unwrap();
    sink.output(OutputStream::Output, "line one\n".to_owned()).await.unwrap();
    sink.post(vec![Part::Text("half way".to_owned())], None).await.unwrap();
    let content = ArtifactContent::Bytes(b"diff".to_vec());
    let artifact = NewArtifact { name: "patch.diff".to_owned(), media_type: "text/plain".to_owned(), content };
    sink.artifact(artifact.clone()).await.unwrap();
    let outside = NewArtifact { name: "../patch.diff".to_owned(), ..artifact };
    assert!(matches!(sink.artifact(outside).await, Err(Refusal::Invalid(_))), "a name is no path");
    sink.checkpoint(b"so far".to_vec()).await.unwrap();
    let running = session.get(&id(&work)).await.unwrap();
    assert_eq!((running.state, running.state_detail.as_deref()), (State::Running, Some("reading")));
    assert_eq!(running.links.remote_task_id.as_deref(), Some("run-of-fix"));

    sink.request_input("which branch?".to_owned(), None).await.unwrap();
    let waited = session.wait(&id(&work), LONG).await.unwrap();
    assert_eq!(waited.task.state, State::AwaitingInput);
    let asking = waited.task.id;
    let answer = session.answer(&asking, Part::Text("main".into()));
    let (told, answered) = tokio::join!(work.message_waits(), answer);
    told.unwrap();
    answered.unwrap();
    let heard = work.messages(10).await.unwrap();
    assert_eq!(heard[0].parts, [Part::Text("main".into())]);
    work.taken(&heard[0].id).await.unwrap();
    assert_eq!(work.messages(10).await.unwrap(), []);

    work.succeed(Some(json!({"files": 3})), Some("done".to_owned())).await.unwrap();
    let over = session.outcome(&id(&work)).await.unwrap();
    assert_eq!((over.state, over.summary.as_deref()), (State::Succeeded, Some("done")));
    assert_eq!(session.result(&over.id).await.unwrap(), Some(json!({"files": 3})));
    assert_eq!(session.artifact(&over.id, "patch.diff").await.unwrap().unwrap().as_ref(), b"diff");
    assert_eq!(session.output(&over.id).await.unwrap().read().await.unwrap(), "line one\n");
    let outbound = |direction| direction == Direction::Outbound;
    let messages = session.messages(&over.id, &MessagePage::default()).await.unwrap();
    assert!(messages.iter().any(|message| outbound(message.direction)));
    assert_eq!(sink.state(None).await, Err(Refusal::Terminal), "the end is final");
}

// L5, L52
async fn whoever_comes_later_supersedes_and_the_earlier_one_is_told(stage: Stage) {
    let key = |name: &'static str| stage.session.task("agent", Value::Null).idempotency_key(name);
    let first = key("one").register_external(None).await.unwrap();
    first.sink().checkpoint(b"step 4".to_vec()).await.unwrap();
    let (lost, second) = tokio::join!(first.cancel_wanted(), key("one").register_external(None));
    let second = second.unwrap();
    assert!(superseded(lost), "who waits hears of it without writing anything");
    assert_eq!((id(&first), second.token().fence.attempt), (id(&second), 2));
    assert_eq!(second.checkpoint(), Some(b"step 4".as_slice()));
    assert!(superseded(first.heartbeat().await));
    assert!(superseded(first.succeed(None, None).await));
    assert_eq!(first.sink().state(None).await, Err(Refusal::Superseded));
    assert!(matches!(stage.runner.external(first.token()).await, Err(RunnerError::Store(StoreError::NotHeld { .. }))));
    second.fail(TaskError { kind: "gave_up".to_owned(), message: "no luck".to_owned(), detail: None }).await.unwrap();
    let over = stage.session.outcome(&id(&second)).await.unwrap();
    assert_eq!((over.state, over.error.unwrap().kind), (State::Failed, "gave_up".to_owned()));
}

// L52
async fn a_token_is_enough_to_go_on(stage: Stage) {
    let text = begin(&stage, "long").await.token().to_string();
    let again = stage.runner.external(&text.parse().unwrap()).await.unwrap();
    again.sink().state(Some("still here".to_owned())).await.unwrap();
    let given_back = again.give_back().await.unwrap();
    assert!(given_back.state.is_live());
    let nobody = stage.runner.external(again.token()).await.err().unwrap();
    assert!(matches!(nobody, RunnerError::Store(StoreError::NotHeld { .. })), "{nobody}");
    let other = stage.session.take_on(&given_back.id, None).await.unwrap();
    other.canceled(Some("ended where it is done".to_owned())).await.unwrap();
    let over = stage.runner.external(other.token()).await.err().unwrap();
    assert!(matches!(over, RunnerError::Store(StoreError::NotHeld { .. } | StoreError::Rejected(_))), "{over}");
}

// L26
async fn a_sign_of_life_is_seen_and_makes_no_event(stage: Stage) {
    let work = begin(&stage, "quiet").await;
    let before = stage.session.get(&id(&work)).await.unwrap();
    let last = stage.store.events(&before.session_id, 0, 100).await.unwrap().last;
    let heard = work.heartbeat().await.unwrap();
    assert_eq!((heard.state, heard.cancel, heard.unread), (State::Running, None, 0));
    let after = stage.session.get(&id(&work)).await.unwrap();
    assert!(after.heartbeat_at.is_some());
    assert_eq!(after.updated_at, before.updated_at);
    assert_eq!(stage.store.events(&before.session_id, 0, 100).await.unwrap().last, last);
}

// L26
async fn a_sign_of_life_takes_the_latest_progress_along(stage: Stage) {
    let work = begin(&stage, "busy").await;
    for current in 1..=3 {
        work.sink().progress(Progress { current, total: Some(3), unit: None, label: None }).await.unwrap();
    }
    work.heartbeat().await.unwrap();
    let stored = stage.session.get(&id(&work)).await.unwrap().progress.unwrap();
    assert_eq!(stored.current, 3, "whoever reports may end here");
}

async fn an_artifact_is_written_once_however_many_processes_have_the_token(stage: Stage) {
    let work = begin(&stage, "written").await;
    let patch = |bytes: &[u8]| NewArtifact {
        name: "patch.diff".to_owned(),
        media_type: "text/plain".to_owned(),
        content: ArtifactContent::Bytes(bytes.to_vec()),
    };
    work.sink().artifact(patch(b"first")).await.unwrap();
    let again = stage.runner.external(work.token()).await.unwrap();
    let refused = again.sink().artifact(patch(b"second")).await;
    assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
    assert_eq!(stage.session.artifact(&id(&work), "patch.diff").await.unwrap().unwrap().as_ref(), b"first");
    let later = stage.session.take_on(&id(&work), None).await.unwrap();
    later.sink().artifact(patch(b"third")).await.unwrap();
}

// L53
async fn a_cancel_is_passed_on_once_and_leaves_the_outbox(stage: Stage) {
    let work = begin(&stage, "wanted").await;
    let called = Arc::new(AtomicUsize::new(0));
    let calls = work.on_cancel(AMPLE, {
        let (called, work) = (called.clone(), work.clone());
        move |cancel| {
            let (called, work) = (called.clone(), work.clone());
            async move {
                called.fetch_add(1, Ordering::SeqCst);
                work.canceled(cancel.reason).await?;
                Ok(())
            }
        }
    });
    stage.session.cancel(&id(&work), Some("not needed".to_owned())).await.unwrap();
    let over = stage.session.outcome(&id(&work)).await.unwrap();
    assert_eq!((over.state, over.summary.as_deref()), (State::Canceled, Some("not needed")));
    assert_eq!(called.load(Ordering::SeqCst), 1);
    assert_eq!(stage.runner.external_cancels(0, 10).await.unwrap().cancels, []);
    drop(calls);
}

// L53
async fn a_call_that_hangs_is_bounded_made_again_and_keeps_no_other_waiting(stage: Stage) {
    let (hangs, heeds) = (begin(&stage, "hangs").await, begin(&stage, "heeds").await);
    let (tried, again, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let _first = hangs.on_cancel(Duration::from_millis(5), {
        let (tried, again) = (tried.clone(), again.clone());
        move |_| {
            let (tried, again) = (tried.clone(), again.clone());
            async move {
                if tried.fetch_add(1, Ordering::SeqCst) == 0 {
                    std::future::pending::<()>().await;
                }
                again.notify_one();
                Ok(())
            }
        }
    });
    let _second = heeds.on_cancel(AMPLE, {
        let heard = heard.clone();
        move |_| {
            let heard = heard.clone();
            async move {
                heard.notify_one();
                Ok(())
            }
        }
    });
    for work in [&hangs, &heeds] {
        stage.session.cancel(&id(work), None).await.unwrap();
    }
    heard.notified().await;
    again.notified().await;
    let told = |task: &Task| task.dispatch.cancel_delivered;
    for work in [&hangs, &heeds] {
        let task = stage.session.wait_until(&id(work), LONG, told).await.unwrap().task;
        assert!(told(&task) && task.state == State::Running, "only its owner ends it");
    }
    assert_eq!(tried.load(Ordering::SeqCst), 2);
}

// L51
async fn a_cancel_policy_of_work_elsewhere_acts(stage: Stage) {
    let stage = stage.serving();
    let begin = async |mode, grace_ms| {
        let request = stage.session.task("agent", Value::Null).cancel_policy(CancelPolicy { mode, grace_ms });
        request.register_external(None).await.unwrap()
    };
    let (graced, aborted) = (begin(CancelMode::Cooperative, 20).await, begin(CancelMode::Abort, 0).await);
    let owned = begin(CancelMode::External, 0).await;
    for work in [&graced, &aborted, &owned] {
        stage.session.cancel(&id(work), None).await.unwrap();
    }
    for work in [&graced, &aborted] {
        assert_eq!(stage.session.outcome(&id(work)).await.unwrap().state, State::Canceled);
        let late = work.succeed(None, None).await.unwrap_err();
        assert!(matches!(late, RunnerError::Store(StoreError::Rejected(Rejection::Terminal { .. }))), "{late}");
    }
    assert_eq!(stage.session.get(&id(&owned)).await.unwrap().state, State::Running);
    owned.succeed(None, None).await.unwrap();
    assert_eq!(stage.session.outcome(&id(&owned)).await.unwrap().state, State::Succeeded, "it came too late");
}

// L51
async fn a_deadline_of_work_elsewhere_is_kept(stage: Stage) {
    let stage = stage.serving();
    let abort = CancelPolicy { mode: CancelMode::Abort, grace_ms: 0 };
    let request = stage.session.task("agent", Value::Null).cancel_policy(abort).deadline_in(Duration::from_millis(20));
    let work = request.register_external(None).await.unwrap();
    let over = stage.session.outcome(&id(&work)).await.unwrap();
    assert_eq!((over.state, over.error.unwrap().kind), (State::Failed, "timeout".to_owned()));
}

// L48
async fn reports_follow_a_task_that_was_moved(stage: Stage) {
    let work = begin(&stage, "moving").await;
    stage.session.transfer(&[id(&work)], &stranger()).await.unwrap();
    work.sink().state(Some("over there".to_owned())).await.unwrap();
    let there = stage.runner.session(stranger());
    assert_eq!(there.get(&id(&work)).await.unwrap().state_detail.as_deref(), Some("over there"));
    there.cancel(&id(&work), None).await.unwrap();
    assert!(work.cancel_wanted().await.is_ok());
    work.canceled(None).await.unwrap();
    let log = stage.store.events(&stranger(), 0, 100).await.unwrap().events;
    let ends = |body: &EventBody| matches!(body, EventBody::Updated { task, .. } if task.state == State::Canceled);
    assert!(log.iter().any(|event| ends(&event.body)));
}

crate::in_each_store!(
    what_is_reported_from_elsewhere_is_a_task_like_any_other,
    whoever_comes_later_supersedes_and_the_earlier_one_is_told,
    a_token_is_enough_to_go_on,
    a_sign_of_life_is_seen_and_makes_no_event,
    a_sign_of_life_takes_the_latest_progress_along,
    an_artifact_is_written_once_however_many_processes_have_the_token,
    a_cancel_is_passed_on_once_and_leaves_the_outbox,
    a_call_that_hangs_is_bounded_made_again_and_keeps_no_other_waiting,
    a_cancel_policy_of_work_elsewhere_acts,
    a_deadline_of_work_elsewhere_is_kept,
    reports_follow_a_task_that_was_moved,
);
