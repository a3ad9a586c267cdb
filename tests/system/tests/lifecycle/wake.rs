//! What a session is woken for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use taskwright_runner::registry::{Backoff, SessionId, State, Wake, WakeCause, WakePolicy};
use taskwright_runner::{Waker, WakerConfig, WakerError, async_trait};
use tokio::sync::Notify;

use crate::bench_of_one::Bench;

async fn wakes(bench: &Bench, policy: WakePolicy) -> Vec<WakeCause> {
    let spec = json!({"steps": [{"post": "one"}, {"post_data": {"two": 2}}]});
    let task = bench.session.task("walkthrough", spec).wake(policy).create().await.unwrap();
    bench.session.outcome(&task.id).await.unwrap();
    let wakes = bench.session.wakes(100).await.unwrap();
    let ids: Vec<u64> = wakes.iter().map(|wake| wake.id).collect();
    assert_eq!(bench.session.acknowledge_wakes(&ids).await.unwrap(), ids.len());
    assert!(bench.session.wakes(100).await.unwrap().is_empty(), "an acknowledged wake is not given again");
    wakes.into_iter().map(|wake| wake.cause).collect()
}

async fn a_session_is_woken_as_the_policy_says(bench: Bench) {
    bench.runner.serve();
    assert_eq!(wakes(&bench, WakePolicy::Silent).await, []); // L18
    assert_eq!(wakes(&bench, WakePolicy::OnTerminal).await, [WakeCause::Terminal { state: State::Succeeded }]); // L18
    let all = wakes(&bench, WakePolicy::OnActivity).await;
    assert!(
        matches!(all[..], [WakeCause::Message { .. }, WakeCause::Message { .. }, WakeCause::Terminal { .. }]),
        "{all:?}"
    );
}

/// Keeps what it is given, each wake once.
#[derive(Clone, Default)]
struct Kept {
    causes: Arc<Mutex<BTreeMap<u64, WakeCause>>>,
    bell: Arc<Notify>,
}

#[async_trait]
impl Waker for Kept {
    async fn wake(&self, _: &SessionId, wakes: Vec<Wake>) -> Result<(), WakerError> {
        self.causes.lock().unwrap().extend(wakes.into_iter().map(|wake| (wake.id, wake.cause)));
        self.bell.notify_one();
        Ok(())
    }
}

impl Kept {
    async fn until(&self, count: usize) -> Vec<WakeCause> {
        loop {
            let causes: Vec<_> = self.causes.lock().unwrap().values().cloned().collect();
            if causes.len() >= count {
                return causes;
            }
            self.bell.notified().await;
        }
    }
}

// L18, L19
async fn every_wake_is_delivered_and_then_acknowledged(bench: Bench) {
    let kept = Kept::default();
    let at_once = Backoff { initial_ms: 1, factor: 1.0, max_ms: 1 };
    let config = WakerConfig { interval: Duration::ZERO, backoff: at_once, ..WakerConfig::default() };
    bench.runner.deliver_wakes(kept.clone(), config).unwrap();
    bench.runner.serve();
    let spec = json!({"steps": [{"post": "one"}, {"post_data": {"two": 2}}]});
    let task = bench.session.task("walkthrough", spec).wake(WakePolicy::OnActivity).create().await.unwrap();
    let causes = kept.until(3).await;
    assert!(
        matches!(causes[..], [WakeCause::Message { .. }, WakeCause::Message { .. }, WakeCause::Terminal { .. }]),
        "{causes:?}"
    );
    bench.session.outcome(&task.id).await.unwrap();
    bench.runner.drain().await;
    assert_eq!(bench.session.wakes(100).await.unwrap(), []);
}

// As a component it makes the same calls to the store.
crate::cases!(delivered, Sqlite, Component, every_wake_is_delivered_and_then_acknowledged);
crate::explored!(delivered_in_memory, Memory, Native, every_wake_is_delivered_and_then_acknowledged);
crate::explored!(delivered_in_sqlite, Sqlite, Native, every_wake_is_delivered_and_then_acknowledged);

crate::over_each_store_and_code!(a_session_is_woken_as_the_policy_says,);
