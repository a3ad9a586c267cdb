//! Which wakes are delivered, and when they are acknowledged.
//! Does not test how often: `pace` does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use taskwright_runner::registry::{State, WakeCause, WakeKey, WakePolicy};
use taskwright_runner::store::{MemoryStore, SqliteOptions, SqliteStore, Store};
use taskwright_runner::{RunnerError, WakerConfig};

use crate::bell::{bell, ids, rouse, runner, session, tasks};

/// Nothing here is about the pace.
fn config() -> WakerConfig {
    WakerConfig { interval: Duration::ZERO, ..WakerConfig::default() }
}

/// Ends a test that hangs. Generous: it is no measurement.
async fn within<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), test).await.expect("the test hangs")
}

// L18, L19
#[tokio::test]
async fn a_wake_is_acknowledged_when_the_waker_has_taken_it_and_not_before() {
    within(async {
        let runner = runner(Arc::new(MemoryStore::new()));
        let here = session(&runner, "here");
        let (waker, mut rung) = bell();
        runner.deliver_wakes(waker, config()).unwrap();
        runner.serve();
        let spec = json!({"steps": [{"say": "hello"}]});
        let task = here.task("walkthrough", spec).wake(WakePolicy::OnTerminal).create().await.unwrap();
        let call = rung.recv().await.unwrap();
        assert_eq!((&call.session, tasks(&call.wakes)), (here.id(), vec![task.id.to_string()]));
        assert_eq!(call.wakes[0].cause, WakeCause::Terminal { state: State::Succeeded });
        assert_eq!(here.wakes(10).await.unwrap(), call.wakes, "it is still there");
        let key = WakeKey::new([1; 32]);
        let wake = &call.wakes[0];
        key.verify_wake(&key.provenance(wake), here.id(), &wake.text).expect("it is authentic");
        call.take();
        // The next one comes after the first was acknowledged, and alone.
        let second = rouse(&here).await;
        assert_eq!(tasks(&rung.recv().await.unwrap().take()), [second.id.to_string()]);
        runner.drain().await;
        assert_eq!(here.wakes(10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_was_written_before_the_process_began_is_delivered_and_so_is_what_another_process_writes() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let open = || -> Arc<dyn Store> {
            Arc::new(SqliteStore::open(folder.path().join("registry.db"), SqliteOptions::default()).unwrap())
        };
        let other = runner(open());
        let before = [rouse(&session(&other, "a")).await, rouse(&session(&other, "a")).await];
        let own = runner(open());
        let (waker, mut rung) = bell();
        own.deliver_wakes(waker, config()).unwrap();
        let call = rung.recv().await.unwrap();
        assert_eq!((call.session.as_str(), tasks(&call.wakes)), ("a", ids(&before)));
        call.take();
        let later = rouse(&session(&other, "b")).await;
        let call = rung.recv().await.unwrap();
        assert_eq!((call.session.as_str(), tasks(&call.wakes)), ("b", vec![later.id.to_string()]));
        call.take();
        own.drain().await;
        assert_eq!(other.session("b".parse().unwrap()).wakes(10).await.unwrap(), []);
    })
    .await;
}

// What comes while a call is under way comes with the next one.
#[tokio::test]
async fn wakes_that_come_during_a_call_come_together_with_the_next_one() {
    within(async {
        let runner = runner(Arc::new(MemoryStore::new()));
        let here = session(&runner, "here");
        let (waker, mut rung) = bell();
        runner.deliver_wakes(waker, config()).unwrap();
        let first = rouse(&here).await;
        let call = rung.recv().await.unwrap();
        let mut meanwhile = Vec::new();
        for _ in 0..5 {
            meanwhile.push(rouse(&here).await);
        }
        assert!(rung.try_recv().is_err(), "one call at a time");
        assert_eq!(tasks(&call.take()), [first.id.to_string()]);
        assert_eq!(tasks(&rung.recv().await.unwrap().take()), ids(&meanwhile));
        runner.drain().await;
        assert!(rung.try_recv().is_err(), "and no further call");
    })
    .await;
}

#[tokio::test]
async fn more_wakes_than_one_call_takes_come_one_call_after_the_other_in_order() {
    within(async {
        let runner = runner(Arc::new(MemoryStore::new()));
        let here = session(&runner, "here");
        let mut roused = Vec::new();
        for _ in 0..7 {
            roused.push(rouse(&here).await);
        }
        let (waker, mut rung) = bell();
        runner.deliver_wakes(waker, WakerConfig { batch: 3, ..config() }).unwrap();
        let mut taken = Vec::new();
        for expected in [3, 3, 1] {
            let wakes = rung.recv().await.unwrap().take();
            assert_eq!(wakes.len(), expected);
            taken.extend(tasks(&wakes));
        }
        assert_eq!(taken, ids(&roused));
    })
    .await;
}

#[tokio::test]
async fn a_runner_has_one_waker() {
    let runner = runner(Arc::new(MemoryStore::new()));
    runner.deliver_wakes(bell().0, config()).unwrap();
    assert!(matches!(runner.deliver_wakes(bell().0, config()), Err(RunnerError::WakerPresent)));
}
