//! Instances whose time is over.

use serde_json::json;
use taskwright_runner::registry::{Part, Rejection, State, Supersede, TaskUpdate};
use taskwright_runner::store::StoreError;

use crate::bench_of_one::Bench;

async fn a_superseded_instance_is_dropped_and_the_next_attempt_ends_the_task(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"say": "first"}, {"stay": true}])).await;
    let first = bench.when(&task, |task| task.checkpoint.is_some()).await;
    // As a reaper does when it believes the host dead.
    let update = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    let second = bench.store.update(&task.session_id, &task.id, update).await.unwrap();
    assert_eq!((second.attempt, second.crashes, second.state), (2, 1, State::Running)); // L7
    let late = TaskUpdate { fence: Some(first.fence()), state: Some(State::Succeeded), ..TaskUpdate::default() };
    let refused = bench.store.update(&task.session_id, &task.id, late).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::Superseded { .. })))); // L5
    bench.session.send(&task.id, vec![Part::Text("finish".into())], None).await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.attempt), (State::Succeeded, 2), "{:?}", done.error);
    assert_eq!(bench.session.result(&task.id).await.unwrap().unwrap()["attempt"], 2);
}

async fn a_task_ended_by_its_owner_takes_its_instance_along(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"say": "here"}, {"stay": true}])).await;
    bench.when(&task, |task| task.checkpoint.is_some()).await;
    let update = TaskUpdate { state: Some(State::Canceled), ..TaskUpdate::default() };
    let over = bench.store.update(&task.session_id, &task.id, update).await.unwrap();
    // The drain returns when no instance is left; none of them wrote anything.
    bench.runner.drain().await;
    assert_eq!(bench.session.get(&task.id).await.unwrap(), over); // L1
}

crate::over_each_store_and_code!(
    a_superseded_instance_is_dropped_and_the_next_attempt_ends_the_task,
    a_task_ended_by_its_owner_takes_its_instance_along,
);
