//! Runs that can be repeated: paused time, a clock that follows it, a seed.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use serde_json::json;
use taskwright_runner::registry::{Part, State, Task};
use taskwright_runner::store::MemoryStore;
use taskwright_runner::{RunnerConfig, RunnerParts, Session, SessionFiles};
use taskwright_system_tests::NativeWalkthrough;
use tokio::time::Instant;

/// Runs tasks on two hosts through a day of their own time, one host leaving, and gives the session's log as text.
async fn log_of_a_run(seed: u64) -> String {
    let (base, start) = (DateTime::from_timestamp(1_800_000_000, 0).unwrap(), Instant::now());
    let store =
        Arc::new(MemoryStore::with_clock(Arc::new(move || base + TimeDelta::from_std(start.elapsed()).unwrap())));
    let files = SessionFiles::in_memory();
    let host = |seed| {
        let config = RunnerConfig { seed: Some(seed), slots: 3, ..RunnerConfig::default() };
        let runner = RunnerParts::new(store.clone(), files.clone()).config(config).runner();
        runner.add_native_kind(NativeWalkthrough).unwrap();
        runner.serve();
        runner
    };
    let (leaves, stays) = (host(seed), host(seed + 1));
    let session = stays.session("here".parse().unwrap());
    let fail = json!({"kind": "flaky", "message": "not yet", "retry": "backoff", "until_attempt": 3});
    let specs = [
        json!({"steps": [{"sleep_ms": 90_000}, {"progress": {"current": 1}}, {"say": "rested"}]}),
        json!({"steps": [{"hibernate_ms": 86_400_000}, {"post": "good morning"}]}),
        json!({"steps": [{"fail": fail}, {"sleep_ms": 20_000}]}),
        json!({"steps": [{"ask": {"prompt": "Go?"}}]}),
    ];
    let mut tasks = Vec::new();
    for spec in specs.iter().cycle().take(16) {
        tasks.push(session.task("walkthrough", spec.clone()).max_attempts(3).create().await.unwrap());
    }
    for asking in tasks.iter().skip(3).step_by(4) {
        session.wait_until(&asking.id, None, |task| task.state == State::AwaitingInput).await.unwrap();
        session.answer(&asking.id, Part::Text("yes".into())).await.unwrap();
    }
    leaves.drain().await;
    for done in outcomes_of(&session, &tasks).await {
        assert_eq!(done.state, State::Succeeded, "{:?}", done.error);
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(86_400) && took < Duration::from_secs(87_000), "of its own time: {took:?}");
    let mut events = session.events(0);
    let mut log = String::new();
    while let Some(event) = events.try_next().await.unwrap() {
        log.push_str(&format!("{event:?}\n"));
    }
    stays.drain().await;
    log
}

/// Waits for all of them at the same time.
async fn outcomes_of(session: &Session, tasks: &[Task]) -> Vec<Task> {
    let waits: Vec<_> = tasks
        .iter()
        .map(|task| {
            let (session, id) = (session.clone(), task.id.clone());
            tokio::spawn(async move { session.outcome(&id).await.unwrap() })
        })
        .collect();
    let mut outcomes = Vec::new();
    for wait in waits {
        outcomes.push(wait.await.unwrap());
    }
    outcomes
}

/// A run in a runtime of its own: one that has run before schedules from another state.
fn log_of(seed: u64) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(log_of_a_run(seed))
}

#[test]
fn the_same_seed_gives_the_same_log_to_the_letter_and_another_gives_other_ids() {
    let (first, second) = (log_of(7), log_of(7));
    assert_eq!(first.lines().count(), second.lines().count());
    for (line, again) in first.lines().zip(second.lines()) {
        assert_eq!(line, again);
    }
    assert_ne!(first, log_of(8));
}
