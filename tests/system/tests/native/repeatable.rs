//! Runs that can be repeated: paused time, a clock that follows it, a seed.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use serde_json::json;
use taskwright_runner::registry::{Part, State};
use taskwright_runner::store::MemoryStore;
use taskwright_runner::{Runner, RunnerConfig};
use taskwright_system_tests::NativeWalkthrough;
use tokio::time::Instant;

/// Runs a few tasks through days of their own time and gives the session's log as text.
async fn log_of_a_run(seed: u64) -> String {
    let (base, start) = (DateTime::from_timestamp(1_800_000_000, 0).unwrap(), Instant::now());
    let clock = Arc::new(move || base + TimeDelta::from_std(start.elapsed()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let config = RunnerConfig { seed: Some(seed), slots: 2, ..RunnerConfig::default() };
    let runner = Runner::open(MemoryStore::with_clock(clock), folder.path(), config).unwrap();
    runner.add_native_kind(NativeWalkthrough).unwrap();
    runner.serve();
    let session = runner.session("here".parse().unwrap());
    let fail = json!({"kind": "flaky", "message": "not yet", "retry": "backoff", "until_attempt": 3});
    let specs = [
        json!({"steps": [{"sleep_ms": 90_000}, {"progress": {"current": 1}}, {"say": "rested"}]}),
        json!({"steps": [{"hibernate_ms": 86_400_000}, {"post": "good morning"}]}),
        json!({"steps": [{"fail": fail}]}),
        json!({"steps": [{"ask": {"prompt": "Go?"}}]}),
    ];
    let mut tasks = Vec::new();
    for spec in specs {
        tasks.push(session.task("walkthrough", spec).max_attempts(3).create().await.unwrap());
    }
    let asking = &tasks[3].id;
    session.wait_until(asking, None, |task| task.state == State::AwaitingInput).await.unwrap();
    session.answer(asking, Part::Text("yes".into())).await.unwrap();
    for task in &tasks {
        let done = session.outcome(&task.id).await.unwrap();
        assert_eq!(done.state, State::Succeeded, "{:?}", done.error);
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(86_400) && took < Duration::from_secs(86_410), "of its own time: {took:?}");
    let mut events = session.events(0);
    let mut log = String::new();
    while let Some(event) = events.try_next().await.unwrap() {
        log.push_str(&format!("{event:?}\n"));
    }
    runner.drain().await;
    log
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_log_to_the_letter_and_another_gives_other_ids() {
    let first = log_of_a_run(7).await;
    assert_eq!(first, log_of_a_run(7).await);
    assert_ne!(first, log_of_a_run(8).await);
}
