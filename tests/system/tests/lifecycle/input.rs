//! Questions and answers.

use serde_json::json;
use taskwright_runner::registry::{Part, State};
use taskwright_runner::{RunnerConfig, RunnerError};

use crate::bench_of_one::Bench;

async fn an_answer_resumes_a_resident_task(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"ask": {"prompt": "Name?"}}])).await;
    let asking = bench.until(&task, State::AwaitingInput).await;
    assert_eq!(asking.input_request.unwrap().prompt, "Name?");
    assert!(bench.session.answer(&task.id, Part::Text("Ada".into())).await.unwrap().answered); // L11
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Succeeded, "{:?}", done.error);
    assert!(done.input_request.is_none()); // L10
    assert_eq!(bench.session.result(&task.id).await.unwrap().unwrap()["answers"], json!(["Ada"]));
    assert!(matches!(
        bench.session.answer(&task.id, Part::Text("again".into())).await,
        Err(RunnerError::NothingAsked { .. })
    ));
}

async fn an_answer_that_is_not_as_expected_is_refused_and_changes_nothing(bench: Bench) {
    bench.runner.serve();
    let expected = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let task = bench.walk(json!([{"ask": {"prompt": "How many?", "expected": expected}}])).await;
    let asking = bench.until(&task, State::AwaitingInput).await;
    let error = bench.session.answer(&task.id, Part::Data(json!({"n": "three"}))).await.unwrap_err().to_string();
    assert!(error.contains("/n"), "{error}");
    assert_eq!(bench.session.get(&task.id).await.unwrap(), asking); // L3
    bench.session.answer(&task.id, Part::Data(json!({"n": 3}))).await.unwrap();
    assert_eq!(bench.session.outcome(&task.id).await.unwrap().state, State::Succeeded);
}

async fn a_question_can_be_answered_while_the_task_hibernates(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"ask": {"prompt": "Go?", "hibernating": true}}, {"say": "gone"}])).await;
    bench.when(&task, |task| task.dispatch.phase == taskwright_runner::registry::Phase::Hibernating).await;
    bench.session.answer(&task.id, Part::Text("yes".into())).await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Succeeded, "{:?}", done.error);
    assert_eq!(bench.session.result(&task.id).await.unwrap().unwrap()["answers"], json!(["yes"]));
}

async fn a_task_that_awaits_input_holds_no_slot(bench: Bench) {
    let bench = bench.with_config(RunnerConfig { slots: 1, ..RunnerConfig::default() }).await;
    bench.runner.serve();
    let asking = bench.walk(json!([{"ask": {"prompt": "Go?"}}, {"say": "went"}])).await;
    bench.until(&asking, State::AwaitingInput).await;
    assert_eq!(bench.outcome_of(json!([{"say": "meanwhile"}])).await.state, State::Succeeded);
    bench.session.answer(&asking.id, Part::Text("yes".into())).await.unwrap();
    assert_eq!(bench.session.outcome(&asking.id).await.unwrap().state, State::Succeeded);
}

async fn an_open_question_survives_a_drain(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"ask": {"prompt": "Still there?"}}])).await;
    let before = bench.until(&task, State::AwaitingInput).await;
    bench.runner.drain().await;
    let next = bench.restarted().await;
    let found = next.session.get(&task.id).await.unwrap();
    assert_eq!(found.input_request, before.input_request);
    next.runner.serve();
    next.session.answer(&task.id, Part::Text("yes".into())).await.unwrap();
    let done = next.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Succeeded, "{:?}", done.error);
    assert_eq!(next.session.result(&task.id).await.unwrap().unwrap()["answers"], json!(["yes"]));
}

crate::over_each_store_and_code!(
    an_answer_resumes_a_resident_task,
    an_answer_that_is_not_as_expected_is_refused_and_changes_nothing,
    a_question_can_be_answered_while_the_task_hibernates,
    a_task_that_awaits_input_holds_no_slot,
    an_open_question_survives_a_drain,
);
