//! What happens by the clock: attempts that take too long, and what is forgotten after a month.
//! Does not test deadlines of tasks: the lifecycle suite does.

use std::time::Duration;

use serde_json::json;
use taskwright_runner::registry::{Lineage, State};
use taskwright_runner::store::StoreError;
use taskwright_runner::{RunnerConfig, RunnerError};
use taskwright_system_tests::NativeWalkthrough;
use tokio::time::{Instant, sleep};

use crate::stage::{Stage, act, config};

const HOUR: Duration = Duration::from_secs(3_600);

// L38
#[test]
fn an_attempt_that_takes_too_long_is_tried_again_and_then_the_task_fails() {
    act(async {
        let stage = Stage::new();
        stage.host(stage.store.clone(), NativeWalkthrough).serve();
        let begun = Instant::now();
        let walk = |steps| stage.walk(steps).attempt_timeout(Duration::from_secs(60)).max_attempts(2);
        let slow = walk(json!([{"sleep_ms": 600_000}])).create().await.unwrap();
        let asleep = walk(json!([{"hibernate_ms": 600_000}])).create().await.unwrap();
        let fast = walk(json!([{"sleep_ms": 50_000}, {"say": "in time"}])).create().await.unwrap();
        for task in [&slow, &asleep] {
            let second = stage.when(&task.id, |task| task.attempt == 2).await;
            assert_eq!((second.retries, second.crashes, second.retry_at.is_some()), (1, 0, true));
            let error = second.error.unwrap();
            assert_eq!((error.kind.as_str(), error.message.contains("60000 ms")), ("timeout", true), "{error:?}");
        }
        assert!(begun.elapsed() < Duration::from_secs(62), "{:?}", begun.elapsed());
        let over = stage.session.outcome(&slow.id).await.unwrap();
        assert_eq!((over.state, over.attempt), (State::Failed, 2));
        // The hibernation is remembered as taken by the first attempt: the second goes on behind it.
        assert_eq!(stage.session.outcome(&asleep.id).await.unwrap().state, State::Succeeded);
        let fast = stage.session.outcome(&fast.id).await.unwrap();
        assert_eq!((fast.state, fast.attempt), (State::Succeeded, 1));
    });
}

// L25
#[test]
fn what_was_over_for_long_enough_is_forgotten_with_its_files_and_what_lives_is_kept() {
    act(async {
        let stage = Stage::new();
        let config = RunnerConfig { retention: Some(HOUR * 2), ..config() };
        let host = stage.host_with(stage.store.clone(), NativeWalkthrough, config);
        host.serve();
        let file = json!([{"artifact": {"name": "a.txt", "text": "a"}}, {"say": "said"}]);
        let old = stage.session.outcome(&stage.walk(file.clone()).create().await.unwrap().id).await.unwrap();
        let lives = stage.walk(json!([{"stay": true}])).create().await.unwrap();
        let parent = stage.session.outcome(&stage.walk(json!([])).create().await.unwrap().id).await.unwrap();
        let lineage = Lineage { task_id: Some(parent.id.to_string()), ..Lineage::default() };
        let child = stage.walk(json!([{"wait": true}])).parent(lineage).create().await.unwrap();
        sleep(HOUR + HOUR / 2).await;
        assert!(stage.session.get(&old.id).await.is_ok(), "not before its time");
        let young = stage.session.outcome(&stage.walk(file).create().await.unwrap().id).await.unwrap();
        sleep(HOUR).await;
        let gone = stage.session.get(&old.id).await;
        assert!(matches!(gone, Err(RunnerError::Store(StoreError::NotFound { .. }))), "{gone:?}");
        let path = old.artifacts[0].path.as_deref().unwrap();
        assert!(stage.files.read(path).await.is_err(), "its files are gone with it");
        assert!(stage.files.read(young.artifacts[0].path.as_deref().unwrap()).await.is_ok());
        for kept in [&lives, &parent, &child, &young] {
            assert!(stage.session.get(&kept.id).await.is_ok(), "{kept:?}");
        }
        let mut events = stage.session.events(2);
        let told = events.next().await;
        assert!(matches!(told, Err(RunnerError::EventsForgotten { after: 2, .. })), "{told:?}");
        assert!(events.next().await.is_ok(), "it is said once");
        assert!(stage.session.events(0).next().await.is_ok(), "who begins at the beginning is told nothing");
        // The child ends, and both go.
        stage.session.cancel(&child.id, None).await.unwrap();
        stage.session.outcome(&child.id).await.unwrap();
        sleep(HOUR * 3).await;
        for gone in [&child, &parent, &young] {
            assert!(stage.session.get(&gone.id).await.is_err(), "{gone:?}");
        }
        assert!(stage.session.get(&lives.id).await.unwrap().state.is_live());
    });
}

#[test]
fn nothing_is_forgotten_where_that_is_switched_off_but_on_demand() {
    assert_eq!(RunnerConfig::default().retention, Some(HOUR * 24 * 30), "it is on unless said");
    act(async {
        let stage = Stage::new();
        let config = RunnerConfig { retention: None, ..config() };
        let host = stage.host_with(stage.store.clone(), NativeWalkthrough, config);
        host.serve();
        let task = stage.walk(json!([])).create().await.unwrap();
        stage.session.outcome(&task.id).await.unwrap();
        sleep(HOUR * 10).await;
        assert!(stage.session.get(&task.id).await.is_ok());
        assert_eq!(host.prunable(HOUR).await.unwrap(), 1);
        assert_eq!(host.prune(HOUR * 11).await.unwrap().tasks, 0);
        let forgotten = host.prune(HOUR).await.unwrap();
        assert!(forgotten.tasks == 1 && forgotten.events >= 3, "{forgotten:?}");
    });
}
