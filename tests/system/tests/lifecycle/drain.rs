//! What a drain does with a task, by what its kind says of being taken up again.
//! A kind that always can be is in `run`.

use std::time::Duration;

use serde_json::{Value, json};
use taskwright_runner::registry::{Part, State, Task};
use taskwright_runner::{KindSettings, RunnerConfig};
use taskwright_test_guests::{HOST_BOUND, REATTACH_AS_SPEC};

use crate::bench_of_one::Bench;

/// Long enough for a guest that wants to end, and no guest here does.
const GRACE: Duration = Duration::from_millis(100);

/// Runs a task with each specification until it has a checkpoint, drains the host, and gives them back as they are then.
async fn drained(bench: &Bench, guest: &[u8], specs: &[Value]) -> Vec<Task> {
    let bench = bench.with_config(RunnerConfig { drain_grace: GRACE, ..RunnerConfig::default() }).await;
    let kind = bench.runner.add_kind(guest, KindSettings::default()).await.unwrap().kind;
    bench.runner.serve();
    let mut tasks = Vec::new();
    for spec in specs {
        let task = bench.session.task(&kind, spec.clone()).create().await.unwrap();
        bench.when(&task, |task| task.checkpoint.is_some()).await;
        tasks.push(task);
    }
    bench.runner.drain().await;
    let mut after = Vec::new();
    for task in tasks {
        after.push(bench.session.get(&task.id).await.unwrap());
    }
    after
}

async fn a_specification_decides_whether_a_drained_task_goes_on_elsewhere(bench: Bench) {
    let specs = [json!({"resume": true}), json!({"resume": false}), json!({})];
    let [given_back, interrupted, silent] = drained(&bench, REATTACH_AS_SPEC, &specs).await.try_into().unwrap();
    assert_eq!((given_back.state, given_back.attempt), (State::Running, 1));
    for ended in [interrupted, silent] {
        assert_eq!(ended.state, State::Failed);
        assert_eq!(ended.error.unwrap().kind, "interrupted", "{}", ended.spec);
    }

    let next = bench.restarted().await;
    next.runner.add_kind(REATTACH_AS_SPEC, KindSettings::default()).await.unwrap();
    next.runner.serve();
    next.session.send(&given_back.id, vec![Part::Text("finish".to_owned())], None).await.unwrap();
    let done = next.session.outcome(&given_back.id).await.unwrap();
    assert_eq!((done.state, done.attempt), (State::Succeeded, 1), "{:?}", done.error);
    // Begun twice, from its checkpoint and within one attempt.
    assert_eq!(next.session.result(&given_back.id).await.unwrap(), Some(json!([1, 1])));
}

async fn a_task_that_cannot_be_taken_up_again_fails_when_the_grace_of_a_drain_is_over(bench: Bench) {
    let [ended] = drained(&bench, HOST_BOUND, &[json!({"resume": true})]).await.try_into().unwrap();
    assert_eq!(ended.state, State::Failed);
    assert_eq!(ended.error.unwrap().kind, "interrupted");
}

crate::over_each_store!(
    a_specification_decides_whether_a_drained_task_goes_on_elsewhere,
    a_task_that_cannot_be_taken_up_again_fails_when_the_grace_of_a_drain_is_over,
);
