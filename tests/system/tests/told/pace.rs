//! How often a waker is called, and what a waker that fails, hangs or panics holds up: on paused time.
//! Does not have several processes: `several` has.

use std::sync::Arc;
use std::time::Duration;

use taskwright_runner::WakerConfig;
use taskwright_runner::registry::Backoff;
use taskwright_system_tests::store_on_virtual_time;
use tokio::time::Instant;

use crate::bell::{bell, rouse, runner, session, tasks};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn config() -> WakerConfig {
    WakerConfig { interval: seconds(10), burst: 2, timeout: seconds(20), ..WakerConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_woken_in_a_burst_and_then_once_an_interval_with_all_there_is() {
    let runner = runner(Arc::new(store_on_virtual_time()));
    let here = session(&runner, "here");
    let (waker, mut rung) = bell();
    runner.deliver_wakes(waker, config()).unwrap();
    let start = Instant::now();
    let rousing = tokio::spawn(async move {
        for _ in 0..40 {
            rouse(&here).await;
            tokio::time::sleep(seconds(1)).await;
        }
    });
    let (mut at, mut woken) = (Vec::new(), 0);
    while woken < 40 {
        let call = rung.recv().await.unwrap();
        at.push((call.at - start).as_secs());
        woken += call.take().len();
    }
    rousing.await.unwrap();
    assert_eq!(at, [0, 1, 10, 20, 30, 40]);
}

#[tokio::test(start_paused = true)]
async fn the_pace_of_one_session_is_not_that_of_another() {
    let runner = runner(Arc::new(store_on_virtual_time()));
    let (waker, mut rung) = bell();
    runner.deliver_wakes(waker, config()).unwrap();
    let start = Instant::now();
    for number in 0..50 {
        rouse(&session(&runner, &format!("session-{number}"))).await;
        rung.recv().await.unwrap().take();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_fails_or_panics_is_given_again_after_longer_and_longer_pauses_and_is_not_lost() {
    let runner = runner(Arc::new(store_on_virtual_time()));
    let here = session(&runner, "here");
    let (waker, mut rung) = bell();
    let backoff = Backoff { initial_ms: 4_000, factor: 2.0, max_ms: 60_000 };
    runner.deliver_wakes(waker, WakerConfig { interval: Duration::ZERO, backoff, ..config() }).unwrap();
    let task = rouse(&here).await;
    let mut last: Option<Instant> = None;
    for (nth, (least, most)) in [(0, 0), (2, 4), (4, 8), (8, 16), (16, 32)].into_iter().enumerate() {
        let call = rung.recv().await.unwrap();
        if let Some(last) = last {
            let pause = call.at - last;
            assert!(pause >= seconds(least) && pause <= seconds(most + 1), "{nth}: {pause:?}");
        }
        last = Some(call.at);
        assert_eq!(tasks(&call.wakes), [task.id.to_string()]);
        assert_eq!(here.wakes(10).await.unwrap().len(), 1, "it is kept");
        if nth % 2 == 0 { call.refuse() } else { call.blow_up() }
    }
    rung.recv().await.unwrap().take();
    // A success ends the pauses.
    let (at, next) = (Instant::now(), rouse(&here).await);
    let call = rung.recv().await.unwrap();
    assert_eq!((tasks(&call.wakes), call.at), (vec![next.id.to_string()], at));
}

#[tokio::test(start_paused = true)]
async fn calls_that_hang_are_given_up_and_hold_up_no_other_session() {
    let runner = runner(Arc::new(store_on_virtual_time()));
    let (waker, mut rung) = bell();
    runner.deliver_wakes(waker, WakerConfig { at_once: 4, ..config() }).unwrap();
    let start = Instant::now();
    let mut hanging = Vec::new();
    for number in 0..4 {
        rouse(&session(&runner, &format!("hangs-{number}"))).await;
        hanging.push(rung.recv().await.unwrap());
    }
    rouse(&session(&runner, "lives")).await;
    let call = rung.recv().await.unwrap();
    assert_eq!(call.session.as_str(), "lives");
    assert!(call.at - start <= seconds(1), "as many hang as are called at once: {:?}", call.at - start);
    call.take();
    for call in hanging {
        call.given_up().await;
    }
    assert_eq!(start.elapsed().as_secs(), 20, "each call has its time");
    let again = rung.recv().await.unwrap();
    assert!(again.session.as_str().starts_with("hangs-") && again.wakes.len() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_does_not_keep_a_host_from_going_down() {
    let runner = runner(Arc::new(store_on_virtual_time()));
    let here = session(&runner, "here");
    let (waker, mut rung) = bell();
    runner.deliver_wakes(waker, WakerConfig { timeout: seconds(3_600), ..config() }).unwrap();
    rouse(&here).await;
    let call = rung.recv().await.unwrap();
    let start = Instant::now();
    runner.drain().await;
    assert_eq!(start.elapsed().as_secs(), 10, "its grace");
    call.given_up().await;
    assert_eq!(here.wakes(10).await.unwrap().len(), 1, "whoever delivers next gives it");
}

#[tokio::test(start_paused = true)]
async fn a_call_may_end_while_its_host_goes_down() {
    let runner = runner(Arc::new(store_on_virtual_time()));
    let here = session(&runner, "here");
    let (waker, mut rung) = bell();
    runner.deliver_wakes(waker, config()).unwrap();
    rouse(&here).await;
    let call = rung.recv().await.unwrap();
    let drain = async {
        runner.drain().await;
        here.wakes(10).await.unwrap()
    };
    let take = async {
        tokio::time::sleep(seconds(5)).await;
        call.take()
    };
    let (left, taken) = tokio::join!(drain, take);
    assert_eq!((left.len(), taken.len()), (0, 1));
}
