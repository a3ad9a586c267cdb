//! That a life of tasks, hosts and wakes produces every metric, with labels that have a bound.
//! Does not test figures that depend on how busy the machine is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serde_json::json;
use taskwright_runner::registry::{CancelPolicy, CloseOrder, ClosePolicy, NewTask, Part, State, TaskId, WakePolicy};
use taskwright_runner::store::{CancelScope, Store};
use taskwright_runner::{Runner, RunnerConfig, RunnerParts, SessionFiles, WakerConfig};
use taskwright_system_tests::{NativeWalkthrough, store_on_virtual_time};

use crate::bell::{bell, rouse, session};
use crate::breaking::breaking;

/// What was counted, by name and labels.
type Seen = BTreeMap<(String, Vec<(String, String)>), DebugValue>;

fn snapshot(snapshotter: &Snapshotter) -> Seen {
    let all = snapshotter.snapshot().into_vec();
    let one = |(key, _, _, value): (metrics_util::CompositeKey, _, _, _)| {
        let labels = key.key().labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        ((key.key().name().to_owned(), labels), value)
    };
    all.into_iter().map(|entry: (_, Option<metrics::Unit>, Option<metrics::SharedString>, _)| one(entry)).collect()
}

/// The value of a metric with these labels, in any order; the sum, or how many were recorded.
fn value(seen: &Seen, name: &str, labels: &[(&str, &str)]) -> f64 {
    let found = seen.iter().filter(|((named, has), _)| {
        named == name && labels.iter().all(|(key, value)| has.iter().any(|(k, v)| k == key && v == value))
    });
    found
        .map(|(_, value)| match value {
            DebugValue::Counter(count) => *count as f64,
            DebugValue::Gauge(gauge) => gauge.0,
            DebugValue::Histogram(recorded) => recorded.len() as f64,
        })
        .sum()
}

fn host(store: Arc<dyn Store>, files: &SessionFiles, config: RunnerConfig) -> Runner {
    let runner = RunnerParts::new(store, files.clone()).config(config).runner();
    runner.add_native_kind(NativeWalkthrough).unwrap();
    runner
}

/// Everything that counts happens once at least.
async fn a_life(snapshotter: &Snapshotter) -> (Seen, Seen) {
    let files = SessionFiles::in_memory();
    let store: Arc<dyn Store> = Arc::new(store_on_virtual_time());
    let (breaking, breaks) = breaking(store.clone());
    let config = || RunnerConfig { slots: 1, ..RunnerConfig::default() };
    let lost = host(breaking, &files, config());
    let here = session(&lost, "here");
    lost.serve();
    let walk = |steps: serde_json::Value| here.task("walkthrough", json!({ "steps": steps }));

    // A host that cannot reach the store any more while a task is with it.
    let held = walk(json!([{"say": "here"}, {"stay": true}])).create().await.unwrap();
    here.wait_until(&held.id, None, |task| task.state == State::Running).await.unwrap();
    for _ in 0..3 {
        walk(json!([])).create().await.unwrap();
    }
    // The queue is looked at while all of the one place is taken.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let queued = snapshot(snapshotter);
    breaks.now();
    tokio::time::sleep(Duration::from_secs(30)).await;

    let runner = host(store, &files, RunnerConfig { slots: 8, ..RunnerConfig::default() });
    let here = session(&runner, "here");
    let (waker, mut rung) = bell();
    let waking = WakerConfig { interval: Duration::from_secs(1), burst: 1, ..WakerConfig::default() };
    runner.deliver_wakes(waker, waking).unwrap();
    runner.serve();
    here.wait_until(&held.id, None, |task| task.attempt == 2).await.unwrap();
    here.send(&held.id, vec![Part::Text("finish".to_owned())], None).await.unwrap();
    here.outcome(&held.id).await.unwrap();
    let walk = |steps: serde_json::Value| here.task("walkthrough", json!({ "steps": steps }));
    let fail = json!({"kind": "flaky", "message": "not yet", "retry": "backoff", "until_attempt": 2});
    let retried = walk(json!([{"fail": fail}])).max_attempts(2).create().await.unwrap();
    assert_eq!(here.outcome(&retried.id).await.unwrap().state, State::Succeeded);
    let stays = walk(json!([{"stay": true}])).cancel_policy(CancelPolicy::default()).create().await.unwrap();
    here.wait_until(&stays.id, None, |task| task.state == State::Running).await.unwrap();
    here.cancel(&stays.id, None).await.unwrap();
    here.outcome(&stays.id).await.unwrap();
    let not_begun = walk(json!([])).not_before(held.created_at + chrono::TimeDelta::days(1)).create().await.unwrap();
    here.cancel(&not_begun.id, None).await.unwrap();

    // One call that fails, then one for two wakes.
    let woken = walk(json!([])).wake(WakePolicy::OnTerminal).create().await.unwrap();
    here.outcome(&woken.id).await.unwrap();
    rung.recv().await.unwrap().refuse();
    rouse(&here).await;
    assert_eq!(rung.recv().await.unwrap().take().len(), 2);
    // Leases that are over are swept.
    tokio::time::sleep(Duration::from_secs(120)).await;
    runner.drain().await;
    (queued, snapshot(snapshotter))
}

/// The metrics that a scenario of native kinds cannot produce: they count what the sandbox does.
const OF_GUESTS: [&str; 3] =
    ["taskwright_http_requests_total", "taskwright_budget_refused_total", "taskwright_budget_exhausted_total"];

#[test]
fn a_life_of_tasks_produces_every_metric_with_labels_that_have_a_bound() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let (queued, seen) = metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(3_600), a_life(&snapshotter)).await.expect("it hangs")
        })
    });
    let kind = ("kind", "walkthrough");
    assert_eq!(value(&queued, "taskwright_queue_depth", &[kind]), 3.0);
    let age = value(&queued, "taskwright_queue_age_seconds", &[kind]);
    assert!((1.0..=15.0).contains(&age), "{age}");
    let all: Seen = queued.into_iter().chain(seen).collect();
    for (name, labels) in [
        ("taskwright_claim_to_start_seconds", vec![kind]),
        ("taskwright_created_to_started_seconds", vec![kind]),
        ("taskwright_attempt_duration_seconds", vec![kind, ("outcome", "retried")]),
        ("taskwright_attempt_duration_seconds", vec![kind, ("outcome", "succeeded")]),
        ("taskwright_task_duration_seconds", vec![kind, ("outcome", "succeeded")]),
        ("taskwright_task_duration_seconds", vec![kind, ("outcome", "canceled")]),
        ("taskwright_cancel_seconds", vec![kind, ("outcome", "canceled")]),
        ("taskwright_instance_used", vec![kind, ("dimension", "host_calls")]),
        ("taskwright_store_errors_total", vec![("verb", "renew_lease"), ("error", "unavailable")]),
        ("taskwright_leases_lost_total", vec![]),
        ("taskwright_leases_expired_total", vec![]),
        ("taskwright_tasks_reaped_total", vec![("outcome", "reattached")]),
        ("taskwright_wakes_failed_total", vec![("reason", "error")]),
        ("taskwright_wakes_delivered_total", vec![]),
        ("taskwright_wakes_coalesced_total", vec![]),
        ("taskwright_wake_delay_seconds", vec![]),
        ("taskwright_events_total", vec![("type", "task.created")]),
        ("taskwright_events_total", vec![("type", "task.updated")]),
    ] {
        assert!(value(&all, name, &labels) > 0.0, "{name} {labels:?} in {:#?}", all.keys().collect::<Vec<_>>());
    }
    assert_eq!(value(&all, "taskwright_wakes_delivered_total", &[]), 2.0);
    assert_eq!(value(&all, "taskwright_wakes_coalesced_total", &[]), 1.0);
    let labels: BTreeSet<&str> =
        all.keys().flat_map(|(_, labels)| labels.iter().map(|(key, _)| key.as_str())).collect();
    let bounded = ["dimension", "error", "kind", "outcome", "reason", "type", "verb", "write"];
    assert!(labels.iter().all(|label| bounded.contains(label)), "{labels:?}");
}

#[test]
fn a_kind_that_a_host_does_not_have_has_a_label_in_common_with_all_such() {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let store: Arc<dyn Store> = Arc::new(store_on_virtual_time());
            let here = session(&host(store.clone(), &SessionFiles::in_memory(), RunnerConfig::default()), "here");
            for bits in 0..3 {
                let id = TaskId::new(store.now(), [bits; 10]);
                let new = NewTask::new(id.clone(), here.id().clone(), format!("strange-{bits}"), json!({}));
                store.create(new).await.unwrap();
                here.cancel(&id, None).await.unwrap();
            }
        });
    });
    let seen = snapshot(&recorder.snapshotter());
    let name = "taskwright_cancel_seconds";
    assert_eq!(value(&seen, name, &[("kind", "other"), ("outcome", "canceled")]), 3.0);
    assert_eq!(seen.keys().filter(|(named, _)| named == name).count(), 1);
}

#[test]
fn every_metric_is_described_and_stands_on_the_page_of_metrics() {
    let described = describe();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md")).unwrap();
    let listed: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next())
        .filter(|name| name.starts_with("taskwright_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(described, listed);
    assert!(OF_GUESTS.iter().all(|name| described.contains(*name)));
}

/// The names that a runner describes.
fn describe() -> BTreeSet<String> {
    let described = Described::default();
    metrics::with_local_recorder(&described, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { drop(crate::bell::runner(Arc::new(store_on_virtual_time()))) });
    });
    described.0.into_inner().unwrap()
}

/// Keeps the names of what is described.
#[derive(Default)]
struct Described(std::sync::Mutex<BTreeSet<String>>);

impl Described {
    fn note(&self, name: &metrics::KeyName, _: MetricKind) {
        self.0.lock().unwrap().insert(name.as_str().to_owned());
    }
}

impl metrics::Recorder for Described {
    fn describe_counter(&self, name: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {
        self.note(&name, MetricKind::Counter);
    }

    fn describe_gauge(&self, name: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {
        self.note(&name, MetricKind::Gauge);
    }

    fn describe_histogram(&self, name: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {
        self.note(&name, MetricKind::Histogram);
    }

    fn register_counter(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
        metrics::Counter::noop()
    }

    fn register_gauge(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::noop()
    }

    fn register_histogram(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::noop()
    }
}

#[test]
fn what_a_cancel_of_many_or_a_close_ends_before_it_starts_is_counted_as_ended() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let runner = host(Arc::new(store_on_virtual_time()), &SessionFiles::in_memory(), RunnerConfig::default());
            let here = session(&runner, "here");
            let begin = async |policy| {
                here.task("walkthrough", json!({"steps": []})).close_policy(policy).create().await.unwrap();
            };
            for _ in 0..3 {
                begin(ClosePolicy::Cancel).await;
            }
            here.cancel_many(CancelScope::All, None).await.unwrap();
            begin(ClosePolicy::Cancel).await;
            begin(ClosePolicy::Keep).await;
            here.close(CloseOrder::default()).await.unwrap();
        });
    });
    let seen = snapshot(&snapshotter);
    let labels = [("kind", "walkthrough"), ("outcome", "canceled")];
    assert_eq!(value(&seen, "taskwright_task_duration_seconds", &labels), 4.0);
}
