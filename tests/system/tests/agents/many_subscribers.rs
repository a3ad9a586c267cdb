//! A thousand and more who follow one session, quick ones and slow ones.
//! Does not measure: the benchmark `subscribers` does.

use std::sync::Arc;

use taskwright_runner::registry::State;
use taskwright_runner::{EventFilter, Session};
use tokio::sync::Barrier;

use crate::stage::Stage;

const SUBSCRIBERS: usize = 1_200;

/// Reads so many events one after the other.
async fn follow(session: Session, filter: EventFilter, events: usize) -> Vec<u64> {
    let mut stream = session.events(0).only(filter);
    let mut seen = Vec::with_capacity(events);
    while seen.len() < events {
        seen.push(stream.next().await.expect("the log").seq);
    }
    assert_eq!(stream.try_next().await.expect("the log"), None);
    seen
}

// L25
async fn every_one_of_many_subscribers_gets_everything_in_one_order(stage: Stage, tasks: usize) {
    let stage = Arc::new(stage);
    let events = tasks * 3;
    let begin = Arc::new(Barrier::new(SUBSCRIBERS + 1));
    let over = Arc::new(tokio::sync::Notify::new());
    let subscribers: Vec<_> = (0..SUBSCRIBERS)
        .map(|number| {
            let (session, begin, over) = (stage.session.clone(), begin.clone(), over.clone());
            tokio::spawn(async move {
                let (filter, expected) = match number % 4 {
                    0 => (EventFilter { kinds: vec!["probe".to_owned()], ..EventFilter::default() }, events),
                    // Each task's creation and its end, and not that it runs.
                    1 => (EventFilter { states: vec![State::Queued], ..EventFilter::default() }, tasks * 2),
                    _ => (EventFilter::default(), events),
                };
                let mut ended = std::pin::pin!(over.notified());
                ended.as_mut().enable();
                begin.wait().await;
                if number % 8 == 7 {
                    // A slow one: it has subscribed, and begins to read when everything is over.
                    let mut stream = session.events(0);
                    stream.next().await.expect("the log");
                    ended.await;
                    let mut seen = vec![1];
                    while let Some(event) = stream.try_next().await.expect("the log") {
                        seen.push(event.seq);
                    }
                    return (seen, events);
                }
                (follow(session, filter, expected).await, expected)
            })
        })
        .collect();
    begin.wait().await;
    for _ in 0..tasks {
        let id = stage.task().await.id;
        stage.to(&id, State::Running).await;
        stage.to(&id, State::Succeeded).await;
    }
    over.notify_waiters();
    for subscriber in subscribers {
        let (seen, expected) = subscriber.await.unwrap();
        assert_eq!(seen.len(), expected);
        assert!(seen.is_sorted());
        if expected == events {
            assert!(seen.iter().copied().eq(1..=events as u64), "all of them, and each once");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_one_of_many_subscribers_gets_everything_in_memory() {
    crate::stage::within(every_one_of_many_subscribers_gets_everything_in_one_order(Stage::memory(), 50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_one_of_many_subscribers_gets_everything_in_sqlite() {
    crate::stage::within(every_one_of_many_subscribers_gets_everything_in_one_order(Stage::sqlite(), 10)).await;
}
