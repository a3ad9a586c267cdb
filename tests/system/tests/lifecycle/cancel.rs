//! Cancel: cooperative, forced, at once.

use serde_json::json;
use taskwright_runner::KindSettings;
use taskwright_runner::registry::{CancelEffect, CancelMode, CancelPolicy, Phase, State};

use crate::bench_of_one::Bench;

async fn a_resident_kind_hears_a_cancel_and_ends_by_itself(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"say": "here"}, {"stay": true}])).await;
    bench.when(&task, |task| task.checkpoint.is_some()).await;
    bench.session.cancel(&task.id, Some("enough".into())).await.unwrap();
    let (_, again) = bench.session.cancel(&task.id, Some("other words".into())).await.unwrap();
    assert!(matches!(again, CancelEffect::AlreadyRequested | CancelEffect::AlreadyOver)); // L17
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Canceled, "{:?}", done.error);
    assert_eq!(done.cancel.unwrap().reason.as_deref(), Some("enough")); // L17
    assert!(done.summary.unwrap().contains("step"), "the kind's own words, not the host's");
}

async fn a_hibernating_task_is_brought_back_to_hear_a_cancel(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"wait": true}, {"say": "not any more"}])).await;
    bench.when(&task, |task| task.dispatch.phase == Phase::Hibernating).await;
    bench.session.cancel(&task.id, None).await.unwrap(); // L16
    assert_eq!(bench.session.outcome(&task.id).await.unwrap().state, State::Canceled);
}

async fn a_task_that_never_started_is_canceled_at_once(bench: Bench) {
    let task = bench.walk(json!([])).await;
    let (task, effect) = bench.session.cancel(&task.id, None).await.unwrap();
    assert_eq!((task.state, effect), (State::Canceled, CancelEffect::CanceledBeforeStart)); // L20
}

async fn a_kind_that_ignores_a_cancel_is_stopped_when_its_grace_is_over(bench: Bench) {
    let guest = taskwright_test_guests::IGNORES_CANCEL;
    let kind = bench.runner.add_kind(guest, KindSettings::default()).await.unwrap().kind;
    bench.runner.serve();
    let policy = CancelPolicy { mode: CancelMode::Cooperative, grace_ms: 150 };
    let task = bench.session.task(kind, json!({})).cancel_policy(policy).create().await.unwrap();
    bench.until(&task, State::Running).await;
    bench.session.cancel(&task.id, None).await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Canceled, "{:?}", done.error);
    assert!(done.summary.unwrap().contains("150 ms"));
    let asked = done.cancel.unwrap().requested_at;
    assert!((done.finished_at.unwrap() - asked).num_milliseconds() >= 150, "the grace was given");
}

async fn a_kind_that_spins_is_stopped_at_once_by_an_abort(bench: Bench) {
    let kind = bench.runner.add_kind(taskwright_test_guests::SPIN, KindSettings::default()).await.unwrap().kind;
    bench.runner.serve();
    let task = bench.session.task(kind, json!({})).create().await.unwrap();
    bench.until(&task, State::Running).await;
    bench.session.abort(&task.id, None).await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Canceled, "{:?}", done.error);
    let waited = done.finished_at.unwrap() - done.cancel.unwrap().requested_at;
    assert!(waited.num_milliseconds() < 9_000, "not after the grace of ten seconds: {waited}");
}

async fn a_success_after_a_cancel_stays_a_success(bench: Bench) {
    bench.runner.serve();
    let task = bench.outcome_of(json!([])).await;
    let (after, effect) = bench.session.cancel(&task.id, Some("too late".into())).await.unwrap();
    assert_eq!((effect, &after), (CancelEffect::AlreadyOver, &task)); // L1, L17
}

crate::over_each_store_and_code!(
    a_resident_kind_hears_a_cancel_and_ends_by_itself,
    a_hibernating_task_is_brought_back_to_hear_a_cancel,
    a_task_that_never_started_is_canceled_at_once,
    a_success_after_a_cancel_stays_a_success,
);

crate::over_each_store!(
    a_kind_that_ignores_a_cancel_is_stopped_when_its_grace_is_over,
    a_kind_that_spins_is_stopped_at_once_by_an_abort,
);
