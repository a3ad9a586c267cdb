//! Hosts that are lost, and when what they held goes on.
//! Does not try all orders of events: `run` does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use taskwright_runner::RunnerConfig;
use taskwright_runner::registry::{Part, Recovery, State};
use taskwright_runner::store::{MemoryStore, Store, StoreError};
use taskwright_system_tests::{Link, LinkedStore, NativeWalkthrough, Watch, WatchedWalkthrough, check_session};
use tokio::time::{Instant, sleep};

use crate::stage::{LEASE, Stage, act, config};

// L36, L37
#[test]
fn a_dead_hosts_tasks_go_on_within_its_lease_and_a_second_whatever_they_did() {
    act(async {
        let stage = Stage::new();
        let link = Link::default();
        let dies = stage.host(Arc::new(LinkedStore::new(stage.store.clone(), link.clone(), 1)), NativeWalkthrough);
        dies.serve();
        // At work and writing; at work and silent for ever; awaiting input; retrying; bound to its host.
        let writes = stage.walk(json!([{"sleep_ms": 60_000}, {"say": "late"}])).create().await.unwrap();
        let silent = stage.walk(json!([{"stay": true}])).create().await.unwrap();
        let asks = stage.walk(json!([{"ask": {"prompt": "Which?"}}])).create().await.unwrap();
        let bound = stage.walk(json!([{"stay": true}])).recovery(Recovery::HostBound).create().await.unwrap();
        let all = [&writes, &silent, &asks, &bound];
        for task in all {
            stage.when(&task.id, |task| task.dispatch.host.is_some()).await;
        }
        stage.when(&asks.id, |task| task.state == State::AwaitingInput).await;
        let lives = stage.host(stage.store.clone(), NativeWalkthrough);
        lives.serve();
        // Away from the moment of a renewal.
        sleep(Duration::from_millis(777)).await;
        link.cut();
        let dead = Instant::now();
        for task in [&writes, &silent, &asks] {
            let task = stage.when(&task.id, |task| task.crashes == 1 && task.dispatch.host.is_some()).await;
            assert_eq!((task.attempt, task.retries), (2, 0));
            assert_eq!(task.state == State::AwaitingInput, task.id == asks.id, "the question is still open");
        }
        let orphan = stage.session.outcome(&bound.id).await.unwrap();
        assert_eq!((orphan.state, orphan.error.unwrap().kind.as_str()), (State::Failed, "orphaned"));
        let took = dead.elapsed();
        assert!(took <= LEASE + Duration::from_secs(1), "{took:?}");
        assert!(took > LEASE / 2, "nobody can know earlier: {took:?}");
        stage.session.answer(&asks.id, Part::Text("this".to_owned())).await.unwrap();
        stage.session.send(&silent.id, vec![Part::Text("finish".to_owned())], None).await.unwrap();
        for task in [&writes, &silent, &asks] {
            assert_eq!(stage.session.outcome(&task.id).await.unwrap().state, State::Succeeded);
        }
        assert_eq!(check_session(stage.store.as_ref(), stage.session.id()).await, Vec::<String>::new());
    });
}

// L37
#[test]
fn a_host_that_is_cut_off_has_stopped_its_instances_before_anybody_may_take_over() {
    act(async {
        let stage = Stage::new();
        let (link, watch) = (Link::default(), Watch::default());
        let linked = LinkedStore::new(stage.store.clone(), link.clone(), 1);
        let cut_off = stage.host(Arc::new(linked), WatchedWalkthrough(watch.clone()));
        cut_off.serve();
        let task = stage.walk(json!([{"stay": true}])).create().await.unwrap();
        while watch.at_work() == 0 {
            sleep(Duration::from_millis(10)).await;
        }
        link.hold();
        let held = Instant::now();
        while watch.at_work() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(held.elapsed() < LEASE, "{:?}", held.elapsed());
        assert_eq!(stage.store.lapsed(0, 10).await.unwrap().tasks.len(), 0, "the lease is not over yet");
        // It comes back before anybody has taken over, and takes its own task up again as a new epoch.
        link.release();
        let again = stage.when(&task.id, |task| task.crashes == 1 && task.dispatch.host.is_some()).await;
        assert_eq!(again.dispatch.host.unwrap().epoch, 2);
    });
}

/// A store that cannot take over one task, whatever is tried.
struct Stubborn {
    inner: Arc<dyn Store>,
    /// The place of the task in the order of `reap` calls that is refused: the first one asked for.
    refused: std::sync::Mutex<Option<String>>,
    tries: Arc<AtomicUsize>,
}

impl Stubborn {
    async fn through<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // The oldest task comes first in every round: it is the one that fails.
        if verb == "reap" && self.refused.lock().unwrap().take().is_some() {
            self.tries.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::Corrupt { reason: "this row is broken".to_owned() });
        }
        if verb == "lapsed" {
            *self.refused.lock().unwrap() = Some("the next".to_owned());
        }
        call.await
    }
}

taskwright_runner::store::store_through!(Stubborn);

// L36
#[test]
fn a_task_that_cannot_be_taken_over_holds_up_no_other() {
    act(async {
        let stage = Stage::new();
        let link = Link::default();
        let dies = stage.host(Arc::new(LinkedStore::new(stage.store.clone(), link.clone(), 1)), NativeWalkthrough);
        dies.serve();
        let mut tasks = Vec::new();
        for _ in 0..20 {
            tasks.push(stage.walk(json!([{"stay": true}])).create().await.unwrap());
        }
        for task in &tasks {
            stage.when(&task.id, |task| task.dispatch.host.is_some()).await;
        }
        link.cut();
        let tries = Arc::new(AtomicUsize::new(0));
        let stubborn =
            Stubborn { inner: stage.store.clone(), refused: std::sync::Mutex::default(), tries: tries.clone() };
        stage.host(Arc::new(stubborn), NativeWalkthrough).serve();
        for task in &tasks[1..] {
            stage.when(&task.id, |task| task.crashes == 1).await;
        }
        sleep(Duration::from_secs(5)).await;
        let tries = tries.load(Ordering::SeqCst);
        assert!((2..=40).contains(&tries), "it is tried again, and not all the time: {tries}");
        assert_eq!(stage.session.get(&tasks[0].id).await.unwrap().crashes, 0);
    });
}

// L37: host clocks that jump by hours change nothing.
#[test]
fn clocks_that_jump_by_hours_cost_nobody_a_task() {
    act(async {
        let jump = Arc::new(std::sync::atomic::AtomicI64::new(0));
        let (base, start, jumped) =
            (chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap(), Instant::now(), jump.clone());
        let clock = move || {
            base + chrono::TimeDelta::from_std(start.elapsed()).unwrap()
                + chrono::TimeDelta::hours(jumped.load(Ordering::SeqCst))
        };
        let lease_clock = move || taskwright_runner::store::LeaseTime {
            era: "virtual".into(),
            millis: u64::try_from(start.elapsed().as_millis()).unwrap(),
        };
        let stage = Stage::over(Arc::new(MemoryStore::with_clocks(Arc::new(clock), Arc::new(lease_clock))));
        let hosts = [0, 1].map(|_| stage.host(stage.store.clone(), NativeWalkthrough));
        hosts.iter().for_each(taskwright_runner::Runner::serve);
        let mut tasks = Vec::new();
        for _ in 0..10 {
            tasks.push(stage.walk(json!([{"sleep_ms": 90_000}, {"say": "on"}])).create().await.unwrap());
        }
        for hours in [5, -30, 100, 0] {
            sleep(LEASE * 2).await;
            jump.store(hours, Ordering::SeqCst);
        }
        for task in &tasks {
            let over = stage.session.outcome(&task.id).await.unwrap();
            assert_eq!((over.state, over.attempt, over.crashes), (State::Succeeded, 1, 0));
        }
        let hosts = stage.store.hosts().await.unwrap();
        assert!(hosts.len() == 2 && hosts.iter().all(|status| status.alive && status.host.epoch == 1), "{hosts:?}");
        assert_eq!(check_session(stage.store.as_ref(), stage.session.id()).await, Vec::<String>::new());
    });
}

// L36: a task that takes its hosts down is not started for ever.
#[test]
fn a_task_beyond_the_limit_of_crashes_ends_as_orphaned() {
    act(async {
        let stage = Stage::new();
        let task = stage.walk(json!([{"stay": true}])).create().await.unwrap();
        for crashes in 0..3 {
            let link = Link::default();
            let linked = Arc::new(LinkedStore::new(stage.store.clone(), link.clone(), 1));
            let config = RunnerConfig { crash_limit: 2, ..config() };
            stage.host_with(linked, NativeWalkthrough, config).serve();
            stage.when(&task.id, |task| task.crashes == crashes && task.dispatch.host.is_some()).await;
            link.cut();
        }
        let reaper =
            stage.host_with(stage.store.clone(), NativeWalkthrough, RunnerConfig { crash_limit: 2, ..config() });
        reaper.serve();
        let over = stage.session.outcome(&task.id).await.unwrap();
        let error = over.error.unwrap();
        assert_eq!((over.state, over.crashes, error.kind.as_str()), (State::Failed, 2, "orphaned"));
        assert!(error.message.contains("not started again"), "{}", error.message);
    });
}

// L6, L7: a claim that was on its way when its host was told to stop.
#[test]
fn a_claim_that_is_on_its_way_when_a_drain_begins_burns_no_attempt() {
    act(async {
        for recovery in [Recovery::Reattach, Recovery::HostBound] {
            let stage = Stage::new();
            let link = Link::default();
            let host = stage.host(Arc::new(LinkedStore::new(stage.store.clone(), link.clone(), 7)), NativeWalkthrough);
            host.serve();
            sleep(Duration::from_millis(100)).await;
            let task = stage.walk(json!([{"stay": true}])).recovery(recovery).create().await.unwrap();
            // The claim reaches the store, and its reply stays on the way.
            while stage.session.get(&task.id).await.unwrap().dispatch.host.is_none() {
                tokio::task::yield_now().await;
                sleep(Duration::from_millis(1)).await;
            }
            link.hold();
            let draining = tokio::spawn({
                let host = host.clone();
                async move { host.drain().await }
            });
            sleep(Duration::from_millis(500)).await;
            link.release();
            draining.await.unwrap();
            let back = stage.session.get(&task.id).await.unwrap();
            assert_eq!((back.attempt, back.crashes, back.dispatch.host), (1, 0, None), "{recovery:?}");
            assert_eq!(stage.store.hosts().await.unwrap(), [], "the lease was given up, and nothing left behind");
        }
    });
}
