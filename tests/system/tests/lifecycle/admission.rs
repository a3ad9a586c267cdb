//! A host that is full: who waits, and who need not.
//! Does not test in which order sessions are served: the conformance suite of the stores does.

use serde_json::json;
use taskwright_runner::registry::{Part, State, Task};
use taskwright_runner::sandbox::SandboxConfig;
use taskwright_runner::{KindSettings, RunnerConfig, Session};

use crate::bench_of_one::Bench;

/// What ends a walk that stays, and a hoarder.
async fn finish(session: &Session, task: &Task) {
    session.send(&task.id, vec![Part::Text("finish".to_owned())], None).await.expect("accepted");
}

async fn a_session_that_fills_the_host_does_not_keep_another_waiting(bench: Bench) {
    let bench = bench.with_config(RunnerConfig { slots: 4, ..RunnerConfig::default() }).await;
    bench.runner.serve();
    let mut tasks = Vec::new();
    for _ in 0..6 {
        tasks.push(bench.walk(json!([{"state": "here"}, {"stay": true}])).await);
    }
    for task in &tasks[..3] {
        bench.when(task, |task| task.state_detail.is_some()).await;
    }
    let other = bench.runner.session("there".parse().unwrap());
    for _ in 0..3 {
        let task = other.task("walkthrough", json!({"steps": [{"say": "short"}]})).create().await.unwrap();
        assert_eq!(other.outcome(&task.id).await.unwrap().state, State::Succeeded);
    }
    let waiting = bench.session.get(&tasks[3].id).await.unwrap();
    assert_eq!(waiting.state, State::Queued, "the fourth place is for the others");
    for task in &tasks {
        // A walk that is told to finish before it stays would take it for any message.
        bench.when(task, |task| task.state_detail.is_some()).await;
        finish(&bench.session, task).await;
        assert_eq!(bench.session.outcome(&task.id).await.unwrap().state, State::Succeeded);
    }
}

async fn who_finds_no_instance_waits_and_does_not_fail(bench: Bench) {
    let sandbox = SandboxConfig { max_instances: 2, ..SandboxConfig::default() };
    let bench = bench.with_config(RunnerConfig { sandbox, ..RunnerConfig::default() }).await;
    bench.runner.serve();
    let ask = json!([{"ask": {"prompt": "well?"}}]);
    let mut tasks = Vec::new();
    for _ in 0..4 {
        tasks.push(bench.walk(ask.clone()).await);
    }
    for task in &tasks {
        // Those that await input hold no place among the tasks at work, but they are there.
        bench.until(task, State::AwaitingInput).await;
        bench.session.answer(&task.id, Part::Text("well".to_owned())).await.unwrap();
        let done = bench.session.outcome(&task.id).await.unwrap();
        assert_eq!((done.state, done.attempt, done.usage.instances), (State::Succeeded, 1, 1), "{:?}", done.error);
    }
}

async fn who_finds_no_memory_waits_for_it_and_a_smaller_guest_goes_past(bench: Bench) {
    let sandbox = SandboxConfig { guest_memory_bytes: 32 << 20, ..SandboxConfig::default() };
    let bench = bench.with_config(RunnerConfig { sandbox, ..RunnerConfig::default() }).await;
    let added = bench.runner.add_kind(taskwright_test_guests::HOARDER, KindSettings::default()).await;
    let kind = added.unwrap().kind;
    bench.runner.serve();
    let sessions = ["one", "two"].map(|name| bench.runner.session(name.parse().unwrap()));
    let holding = |task: &Task| task.state_detail.as_deref() == Some("holding");
    let first = sessions[0].task(&*kind, json!(16)).create().await.unwrap();
    sessions[0].wait_until(&first.id, None, holding).await.unwrap();
    let second = sessions[1].task(&*kind, json!(16)).create().await.unwrap();
    sessions[1].wait_until(&second.id, None, |task| task.state == State::Running).await.unwrap();
    assert_eq!(bench.outcome_of(json!([{"say": "small"}])).await.state, State::Succeeded);
    let waiting = sessions[1].get(&second.id).await.unwrap();
    assert_eq!((waiting.state, waiting.state_detail), (State::Running, None));
    finish(&sessions[0], &first).await;
    assert_eq!(sessions[0].outcome(&first.id).await.unwrap().state, State::Succeeded);
    sessions[1].wait_until(&second.id, None, holding).await.unwrap();
    finish(&sessions[1], &second).await;
    let done = sessions[1].outcome(&second.id).await.unwrap();
    assert_eq!((done.state, done.attempt, done.usage.instances), (State::Succeeded, 1, 1), "{:?}", done.error);
}

crate::cases!(
    memory,
    Memory,
    Component,
    a_session_that_fills_the_host_does_not_keep_another_waiting,
    who_finds_no_instance_waits_and_does_not_fail,
    who_finds_no_memory_waits_for_it_and_a_smaller_guest_goes_past
);
crate::cases!(
    sqlite,
    Sqlite,
    Component,
    a_session_that_fills_the_host_does_not_keep_another_waiting,
    who_finds_no_instance_waits_and_does_not_fail,
    who_finds_no_memory_waits_for_it_and_a_smaller_guest_goes_past
);
// It found a place that was given back between two looks and never heard of. Once is enough: what it takes is time.
crate::explored!(memory_failing, Memory, Component, a_session_that_fills_the_host_does_not_keep_another_waiting);
