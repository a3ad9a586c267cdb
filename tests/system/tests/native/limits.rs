//! Limits that hold for all hosts together, with hosts that hear of each other.
//! Does not count what a claim hands out: the conformance suite does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use taskwright_runner::registry::{Part, State};
use taskwright_runner::store::{SharedLimits, Store};
use taskwright_runner::{RunnerConfig, RunnerParts, SessionFiles, Until};
use taskwright_system_tests::{NativeWalkthrough, as_user, store_on_virtual_time};

use crate::within;

// L58
#[tokio::test(start_paused = true)]
async fn what_a_limit_of_all_hosts_keeps_back_begins_as_soon_as_another_hosts_task_has_ended() {
    within(async {
        let store: Arc<dyn Store> = Arc::new(store_on_virtual_time());
        let shared_limits = SharedLimits { session: None, kinds: [("walkthrough".to_owned(), 1)].into() };
        let config = RunnerConfig { shared_limits, ..RunnerConfig::default() };
        let hosts = [(); 2].map(|()| {
            let parts = RunnerParts::new(store.clone(), SessionFiles::in_memory());
            let runner = parts.config(config.clone()).runner();
            runner.add_native_kind(NativeWalkthrough).unwrap();
            runner
        });
        let session = hosts[0].session("here".parse().unwrap());
        hosts[0].serve();
        as_user(async {
            let first = session.task("walkthrough", json!({"steps": [{"stay": true}]})).create().await.unwrap();
            session.wait_until(&first.id, None, |task| task.state == State::Running).await.unwrap();
            hosts[1].serve();
            let second = session.task("walkthrough", json!({"steps": [{"say": "hello"}]})).create().await.unwrap();
            // Long enough for every look that is made for safety.
            let waited = session.wait_all(std::slice::from_ref(&second.id), Until::Over, Some(Duration::from_secs(20)));
            let waited = waited.await.unwrap();
            assert!(waited.timed_out);
            assert_eq!(session.get(&second.id).await.unwrap().state, State::Queued);
            let begun = tokio::time::Instant::now();
            session.send(&first.id, vec![Part::Text("finish".to_owned())], None).await.unwrap();
            assert_eq!(session.outcome(&second.id).await.unwrap().state, State::Succeeded);
            assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        })
        .await;
        for host in &hosts {
            host.drain().await;
        }
    })
    .await;
}
