//! Native code that panics.

use std::sync::Arc;

use serde_json::json;
use taskwright_runner::registry::{Backoff, Description, State};
use taskwright_runner::sandbox::{AttemptHost, Step};
use taskwright_runner::{NativeExecutor, NativeKind};

use crate::odd_kind::{Odd, description};
use crate::{runner_without_engine, within};

const AT_ONCE: Backoff = Backoff { initial_ms: 1, factor: 1.0, max_ms: 1 };

#[tokio::test]
async fn a_panic_ends_the_attempt_as_a_panic_and_is_tried_again() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner_without_engine(folder.path());
        let kind = Odd::new(async |_, task| {
            assert!(task.task.attempt > 1, "the first attempt is out of tea");
            let error = task.task.error.expect("what the attempt before stumbled over");
            Ok(Step::Succeeded { summary: None, result: Some(json!([error.kind, error.message])) })
        });
        runner.add_native_kind(kind).unwrap();
        runner.serve();
        let session = runner.session("here".parse().unwrap());
        let task = session.task("odd", json!({})).max_attempts(2).backoff(AT_ONCE).create().await.unwrap();
        let done = session.outcome(&task.id).await.unwrap();
        assert_eq!((done.state, done.attempt, done.retries), (State::Succeeded, 2, 1), "{:?}", done.error);
        let result = session.result(&task.id).await.unwrap().unwrap();
        assert_eq!(result, json!(["panic", "the kind panicked: the first attempt is out of tea"]));
    })
    .await;
}

struct Unmakeable;

impl NativeKind for Unmakeable {
    fn description(&self) -> Description {
        description("unmakeable")
    }

    fn executor(&self, _host: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        panic!("no executor today")
    }
}

#[tokio::test]
async fn an_executor_that_cannot_be_made_ends_the_attempt_too() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner_without_engine(folder.path());
        runner.add_native_kind(Unmakeable).unwrap();
        runner.serve();
        let session = runner.session("here".parse().unwrap());
        let task = session.task("unmakeable", json!({})).create().await.unwrap();
        let done = session.outcome(&task.id).await.unwrap();
        let error = done.error.unwrap();
        assert_eq!((done.state, error.kind.as_str()), (State::Failed, "panic"));
        assert!(error.message.contains("no executor today"), "{}", error.message);
    })
    .await;
}
