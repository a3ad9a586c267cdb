//! What an attempt may use: who says how much, what the record tells of it, and that lying down does not refresh it.
//! Does not test each dimension: the sandbox's tests do.

use serde_json::json;
use taskwright_runner::KindSettings;
use taskwright_runner::registry::{Backoff, Budget, EventBody, State};

use crate::bench_of_one::Bench;

// L40
async fn all_instances_of_an_attempt_share_its_budget(bench: Bench) {
    let budget = Budget { messages: 3, ..Budget::UNLIMITED };
    bench.runner.serve();
    let steps = json!([
        {"post": "one"}, {"hibernate_ms": 1}, {"post": "two"}, {"hibernate_ms": 1}, {"post": "three"},
        {"hibernate_ms": 1}, {"post": "four"}
    ]);
    let walk = bench.session.task("walkthrough", json!({"steps": steps})).budget(budget);
    let task = walk.create().await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    let error = done.error.expect("the fourth is one too many");
    assert_eq!((done.state, error.kind.as_str()), (State::Failed, "limit_exceeded"));
    assert!(error.message.contains("allows 3 of messages and this call would need 4"), "{}", error.message);
    assert_eq!((done.usage.messages, done.usage.instances), (3, 4));
    assert_eq!(done.allowed.map(|allowed| allowed.messages), Some(3));
}

// L40
async fn the_next_attempt_has_a_whole_budget(bench: Bench) {
    let budget = Budget { messages: 1, ..Budget::UNLIMITED };
    bench.runner.serve();
    let fail = json!({"kind": "flaky", "message": "not yet", "retry": "backoff", "until_attempt": 2});
    let spec = json!({"steps": [{"post": "one"}, {"fail": fail}, {"post": "two"}]});
    let backoff = Backoff { initial_ms: 5, factor: 1.0, max_ms: 5 };
    let walk = bench.session.task("walkthrough", spec).budget(budget).max_attempts(2).backoff(backoff);
    let task = walk.create().await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.attempt, done.usage.messages), (State::Succeeded, 2, 2), "{:?}", done.error);
}

async fn a_creator_narrows_what_the_operator_allows_and_never_widens_it(bench: Bench) {
    let operator = Budget { cpu_ms: 100, ..Budget::UNLIMITED };
    let settings = KindSettings::default().budget(operator);
    let kind = bench.runner.add_kind(taskwright_test_guests::SPIN, settings).await.unwrap().kind;
    bench.runner.serve();
    for (wanted, allowed) in [(50, 50), (u64::MAX - 1, 100)] {
        let budget = Budget { cpu_ms: wanted, ..Budget::UNLIMITED };
        let task = bench.session.task(&*kind, json!({})).budget(budget).create().await.unwrap();
        let done = bench.session.outcome(&task.id).await.unwrap();
        let error = done.error.clone().expect("it spins");
        assert_eq!((error.kind.as_str(), error.detail.as_deref()), ("resource_exhausted", Some("cpu_ms")));
        assert!(error.message.contains(&format!("allowed {allowed}")), "{}", error.message);
        let cpu = (done.usage.cpu_ms >= allowed, done.allowed.map(|allowed| allowed.cpu_ms));
        assert_eq!(cpu, (true, Some(allowed)));
        // Whoever reads the log alone sees the same.
        let log = bench.log().await;
        let last = log.iter().rev().find_map(|event| match &event.body {
            EventBody::Updated { task: record, .. } if record.id == task.id => Some(record.clone()),
            _ => None,
        });
        let last = last.expect("its end is in the log");
        assert_eq!((last.usage, last.allowed, last.error), (done.usage, done.allowed, done.error));
    }
}

crate::cases!(
    memory,
    Memory,
    Component,
    all_instances_of_an_attempt_share_its_budget,
    the_next_attempt_has_a_whole_budget,
    a_creator_narrows_what_the_operator_allows_and_never_widens_it
);
crate::cases!(
    sqlite,
    Sqlite,
    Component,
    all_instances_of_an_attempt_share_its_budget,
    the_next_attempt_has_a_whole_budget,
    a_creator_narrows_what_the_operator_allows_and_never_widens_it
);
crate::explored!(memory_failing, Memory, Component, all_instances_of_an_attempt_share_its_budget);
