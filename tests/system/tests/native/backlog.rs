//! A backlog is worked off without a pause: no place is idle while claimable work is due.
//! Does not measure how fast: time is virtual here, and the benchmarks do.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::json;
use taskwright_runner::registry::{SessionId, State};
use taskwright_runner::store::{SharedLimits, Store};
use taskwright_runner::{RunnerConfig, RunnerParts, SessionFiles};
use taskwright_system_tests::{Link, LinkedStore, NativeWalkthrough, as_user, store_on_virtual_time};
use tokio::time::Instant;

use crate::within;

/// How long the dispatcher sleeps at most before it asks the store although it was not notified. No drain may come near it.
const SAFETY_POLL: Duration = Duration::from_secs(5);

/// How long a host of a slow store takes for so many tasks of 20 ms, all of which are due when it begins to serve. The safety poll
/// must have found none of them.
async fn drained_in(config: RunnerConfig, sessions: usize, tasks: usize) -> Duration {
    let store: Arc<dyn Store> = Arc::new(store_on_virtual_time());
    let user = RunnerParts::new(store.clone(), SessionFiles::in_memory()).runner();
    user.add_native_kind(NativeWalkthrough).unwrap();
    let mut created = Vec::new();
    for n in 0..tasks {
        let id: SessionId = format!("session-{}", n % sessions).parse().unwrap();
        let session = user.session(id);
        let task = session.task("walkthrough", json!({"steps": [{"sleep_ms": 20}]})).create().await.unwrap();
        created.push((session, task.id));
    }
    let linked = LinkedStore::new(store.clone(), Link::default(), 7);
    let host = RunnerParts::new(Arc::new(linked), SessionFiles::in_memory()).config(config).runner();
    host.add_native_kind(NativeWalkthrough).unwrap();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let begun = Instant::now();
    host.serve();
    let outcomes = join_all(created.iter().map(|(session, id)| session.outcome(id))).await;
    let took = begun.elapsed();
    for outcome in outcomes {
        assert_eq!(outcome.unwrap().state, State::Succeeded);
    }
    host.drain().await;
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        assert!(key.key().name() != "taskwright_missed_work_total" || value == DebugValue::Counter(0), "{value:?}");
    }
    took
}

// L59
#[tokio::test(start_paused = true)]
async fn one_session_s_backlog_is_drained_without_a_pause() {
    within(as_user(async {
        let took = drained_in(RunnerConfig::default(), 1, 600).await;
        assert!(took < SAFETY_POLL, "{took:?}");
    }))
    .await;
}

// L59
#[tokio::test(start_paused = true)]
async fn many_sessions_backlogs_are_drained_without_a_pause() {
    within(as_user(async {
        let took = drained_in(RunnerConfig { slots: 8, ..RunnerConfig::default() }, 7, 140).await;
        assert!(took < SAFETY_POLL, "{took:?}");
    }))
    .await;
}

// L58, L59
#[tokio::test(start_paused = true)]
async fn limits_of_all_hosts_leave_no_place_idle() {
    within(as_user(async {
        let kinds = [("walkthrough".to_owned(), 20)].into();
        let shared_limits = SharedLimits { session: Some(10), kinds };
        let took = drained_in(RunnerConfig { shared_limits, ..RunnerConfig::default() }, 3, 200).await;
        assert!(took < SAFETY_POLL, "{took:?}");
    }))
    .await;
}
