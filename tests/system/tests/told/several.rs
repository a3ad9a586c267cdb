//! Several processes with a waker over one store: one of them delivers a session's wakes, and another when that one cannot.
//! On paused time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use taskwright_runner::WakerConfig;
use taskwright_runner::store::Store;
use taskwright_system_tests::store_on_virtual_time;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::bell::{Rung, bell, rouse, runner, session, tasks};
use crate::breaking::breaking;

fn config() -> WakerConfig {
    WakerConfig { interval: Duration::ZERO, ..WakerConfig::default() }
}

/// Takes calls until as many wakes came; how often each task's came.
async fn take(rung: &mut UnboundedReceiver<Rung>, wakes: usize) -> BTreeMap<String, usize> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    while taken.values().sum::<usize>() < wakes {
        for task in tasks(&rung.recv().await.expect("a call").take()) {
            *taken.entry(task).or_default() += 1;
        }
    }
    taken
}

// L19
#[tokio::test(start_paused = true)]
async fn of_two_processes_one_delivers_each_wake_and_the_other_goes_on_when_that_one_leaves() {
    let store: Arc<dyn Store> = Arc::new(store_on_virtual_time());
    let user = runner(store.clone());
    let (waker, mut rung) = bell();
    let (one, two) = (runner(store.clone()), runner(store.clone()));
    one.deliver_wakes(waker.clone(), config()).unwrap();
    two.deliver_wakes(waker, config()).unwrap();
    let sessions: Vec<_> = (0..20).map(|number| session(&user, &format!("session-{number}"))).collect();
    for session in &sessions {
        rouse(session).await;
        rouse(session).await;
    }
    let taken = take(&mut rung, 40).await;
    assert!(taken.len() == 40 && taken.values().all(|times| *times == 1), "{taken:?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(rung.try_recv().is_err(), "nothing comes again");
    one.drain().await;
    for session in &sessions {
        rouse(session).await;
    }
    let taken = take(&mut rung, 20).await;
    assert!(taken.len() == 20 && taken.values().all(|times| *times == 1), "{taken:?}");
    two.drain().await;
    assert_eq!(store.sessions_with_wakes(None, 10).await.unwrap().sessions, []);
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_process_had_taken_without_a_word_comes_again_elsewhere_with_its_id() {
    let store: Arc<dyn Store> = Arc::new(store_on_virtual_time());
    let here = session(&runner(store.clone()), "here");
    let (unreachable, breaks) = breaking(store.clone());
    let (lost, next) = (runner(unreachable), runner(store));
    let (waker, mut rung) = bell();
    lost.deliver_wakes(waker, config()).unwrap();
    rouse(&here).await;
    let first = rung.recv().await.unwrap();
    let (waker, mut rung) = bell();
    next.deliver_wakes(waker, config()).unwrap();
    breaks.now();
    let start = Instant::now();
    let again = rung.recv().await.unwrap();
    assert_eq!(again.wakes, first.wakes);
    // The lease, and the next look.
    let took = start.elapsed();
    assert!(took > Duration::from_secs(5) && took <= Duration::from_secs(16), "{took:?}");
    again.take();
    // The one that was lost takes its wakes too late, and nobody is the worse for it.
    first.take();
    next.drain().await;
    assert_eq!(here.wakes(10).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_fails_leaves_the_session_to_that_of_another_process() {
    let store: Arc<dyn Store> = Arc::new(store_on_virtual_time());
    let here = session(&runner(store.clone()), "here");
    let (one, two) = (runner(store.clone()), runner(store));
    let (waker, mut broken) = bell();
    one.deliver_wakes(waker, config()).unwrap();
    rouse(&here).await;
    let call = broken.recv().await.unwrap();
    let (waker, mut rung) = bell();
    two.deliver_wakes(waker, config()).unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(rung.try_recv().is_err(), "the first is at it");
    call.refuse();
    let mut refusals = 0;
    loop {
        tokio::select! {
            call = rung.recv() => break drop(call.unwrap().take()),
            call = broken.recv() => call.unwrap().refuse(),
        }
        refusals += 1;
        assert!(refusals < 10, "it never came to the other");
    }
    two.drain().await;
    assert_eq!(here.wakes(10).await.unwrap(), []);
}
