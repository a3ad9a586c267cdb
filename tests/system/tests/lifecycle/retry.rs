//! Failures: the end, or another attempt.

use serde_json::json;
use taskwright_runner::KindSettings;
use taskwright_runner::registry::{Backoff, State};

use crate::bench_of_one::Bench;

async fn a_failed_attempt_is_tried_again_and_the_session_sees_a_live_task(bench: Bench) {
    bench.runner.serve();
    let fail = json!({"kind": "flaky", "message": "not yet", "retry": "backoff", "until_attempt": 3});
    let spec = json!({"steps": [{"say": "once"}, {"fail": fail}]});
    let backoff = Backoff { initial_ms: 5, factor: 1.0, max_ms: 5 };
    let task = bench.session.task("walkthrough", spec).max_attempts(3).backoff(backoff).create().await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.attempt, done.retries, done.crashes), (State::Succeeded, 3, 2, 0), "{:?}", done.error);
    assert!(done.error.is_none(), "what an earlier attempt stumbled over is history");
    let log = bench.log().await;
    let ends = log.iter().filter_map(|event| event.body.task()).filter(|task| task.state.is_terminal()).count();
    assert_eq!(ends, 1, "attempts do not surface as states"); // L22
    assert_eq!(
        bench.session.output(&task.id).await.unwrap().read().await.unwrap(),
        "once\n",
        "it went on from its checkpoint"
    );
}

async fn a_failure_without_retry_ends_the_task_with_its_words(bench: Bench) {
    bench.runner.serve();
    let task = bench.outcome_of(json!([{"fail": {"kind": "no_way", "message": "really not"}}])).await;
    let error = task.error.unwrap();
    assert_eq!((task.state, error.kind.as_str(), error.message.as_str()), (State::Failed, "no_way", "really not"));
}

async fn attempts_run_out(bench: Bench) {
    bench.runner.serve();
    let fail = json!({"kind": "flaky", "message": "never", "retry": {"after_ms": 1}});
    let spec = json!({"steps": [{"fail": fail}]});
    let task = bench.session.task("walkthrough", spec).max_attempts(2).create().await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.attempt), (State::Failed, 2));
}

async fn a_panic_ends_the_attempt_with_its_message_and_the_host_goes_on(bench: Bench) {
    bench.runner.serve();
    let task = bench.outcome_of(json!([{"panic": "out of tea: the pot\nis empty"}])).await;
    let error = task.error.unwrap();
    assert_eq!((task.state, error.kind.as_str()), (State::Failed, "panic"));
    // A component says where, too, behind what it says. Native code has told that to its own process.
    let (before, after) = error.message.split_once("out of tea: the pot\nis empty").expect("the message as it is");
    let place = after.strip_prefix(" (at ").and_then(|place| place.strip_suffix(')'));
    let of_component =
        before.is_empty() && place.is_some_and(|place| place.contains("walk.rs:") && !place.contains('\n'));
    assert!(of_component || before == "the kind panicked: " && after.is_empty(), "{}", error.message);
    assert_eq!(bench.outcome_of(json!([])).await.state, State::Succeeded);
}

async fn a_spinning_guest_exhausts_its_budget_and_its_neighbour_does_not_notice(bench: Bench) {
    let budget = taskwright_runner::sandbox::Budget { cpu_ms: 200, ..Default::default() };
    let settings = KindSettings::default().budget(budget);
    let kind = bench.runner.add_kind(taskwright_test_guests::SPIN, settings).await.unwrap().kind;
    bench.runner.serve();
    let spinning = bench.session.task(kind, json!({})).create().await.unwrap();
    assert_eq!(bench.outcome_of(json!([{"say": "calm"}, {"sleep_ms": 20}])).await.state, State::Succeeded);
    let done = bench.session.outcome(&spinning.id).await.unwrap();
    let error = done.error.unwrap();
    assert_eq!((done.state, error.kind.as_str()), (State::Failed, "resource_exhausted"));
    assert!(error.message.contains("cpu"), "{}", error.message);
}

crate::over_each_store_and_code!(
    a_failed_attempt_is_tried_again_and_the_session_sees_a_live_task,
    a_failure_without_retry_ends_the_task_with_its_words,
    attempts_run_out,
    a_panic_ends_the_attempt_with_its_message_and_the_host_goes_on,
);

crate::over_each_store!(a_spinning_guest_exhausts_its_budget_and_its_neighbour_does_not_notice,);
