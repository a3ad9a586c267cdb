//! Many writers at once.
//! Does not measure: the examples do.

use std::collections::BTreeSet;
use std::sync::Arc;

use taskwright_registry::{CancelEffect, Links, NewTask, SessionId, State, TaskUpdate};
use taskwright_store::{ClaimRequest, StoreError, TaskQuery};

use crate::world::{World, artifact, to};

/// Runs `work` so many times at once and collects what it gives.
async fn at_once<T: Send + 'static, F>(count: usize, mut work: impl FnMut(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let running: Vec<_> = (0..count).map(|number| tokio::spawn(work(number))).collect();
    let mut all = Vec::new();
    for one in running {
        all.push(one.await.expect("no panic"));
    }
    all
}

// L15: of 200 concurrent appends 35 to 40 were kept.
async fn two_hundred_concurrent_appends_keep_two_hundred(world: World) {
    let task = world.running().await;
    at_once(200, |number| {
        let (store, task) = (Arc::clone(&world.store), task.clone());
        async move {
            let name = format!("n{number}");
            let links = Links { resource_ids: vec![name.clone()], ..Links::default() };
            let update = TaskUpdate {
                fence: Some(task.fence()),
                artifacts: vec![artifact(&name)],
                links,
                ..TaskUpdate::default()
            };
            store.update(&task.session_id, &task.id, update).await.expect("an append");
        }
    })
    .await;
    let after = world.get(&task).await;
    let names: BTreeSet<_> = after.artifacts.iter().map(|artifact| &artifact.name).collect();
    let links: BTreeSet<_> = after.links.resource_ids.iter().collect();
    assert_eq!((names.len(), links.len()), (200, 200));
    assert_eq!(names, links);
    assert_eq!(after.version, task.version + 200);
}

// L4, L15, L25, L29: fifty threads that hammer one task lose nothing.
async fn fifty_threads_on_one_task_lose_nothing(world: World) {
    let task = world.running().await;
    let messages: Vec<Vec<_>> = (0..50).map(|_| (0..5).map(|_| world.inbound("m")).collect()).collect();
    std::thread::scope(|scope| {
        for (thread, messages) in messages.into_iter().enumerate() {
            let (store, task) = (Arc::clone(&world.store), task.clone());
            scope.spawn(move || {
                futures::executor::block_on(async {
                    for (round, message) in messages.into_iter().enumerate() {
                        let mut update = TaskUpdate { fence: Some(task.fence()), ..TaskUpdate::default() };
                        update.artifacts = vec![artifact(&format!("{thread}-{round}"))];
                        store.update(&task.session_id, &task.id, update).await.expect("an update");
                        store.record_message(&task.session_id, &task.id, message).await.expect("a message");
                        store.get(&task.session_id, &task.id).await.expect("the task");
                    }
                });
            });
        }
    });
    let after = world.get(&task).await;
    assert_eq!((after.artifacts.len(), after.dispatch.unread), (250, 250));
    assert_eq!(after.version, task.version + 500);
    assert_eq!(world.store.unread(&world.session, &task.id, 1_000).await.unwrap().len(), 250);
    let log = world.log().await;
    let numbers: Vec<u64> = log.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let versions: Vec<u64> = log.iter().filter_map(|event| event.body.task()).map(|task| task.version).collect();
    assert!(versions.is_sorted(), "the log is in the order of the commits");
}

// L21: two live tasks of one name.
async fn one_name_goes_to_one_of_many(world: World) {
    let outcomes = at_once(40, |_| {
        let new = NewTask { name: Some("the-one".to_owned()), ..world.new_task() };
        let store = Arc::clone(&world.store);
        async move { store.create(new).await }
    })
    .await;
    let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1);
    for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        let expected = StoreError::NameTaken { name: "the-one".to_owned(), holder: winners[0].task.id.clone() };
        assert_eq!(*refused, expected);
    }
}

// L21
async fn one_creation_by_many_is_one_task(world: World) {
    let new = NewTask { idempotency_key: Some("key".to_owned()), ..world.new_task() };
    let outcomes = at_once(40, |number| {
        let id = if number % 2 == 0 { new.id.clone() } else { world.task_id() };
        let (store, new) = (Arc::clone(&world.store), NewTask { id, ..new.clone() });
        async move { store.create(new).await.expect("creation") }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|created| created.fresh).count(), 1);
    assert!(outcomes.iter().all(|created| created.task == outcomes[0].task));
    assert_eq!(world.store.list(&world.session, &TaskQuery::default()).await.unwrap().tasks.len(), 1);
}

// L21, L23: one id was given to two sessions that asked at the same time.
async fn one_id_goes_to_one_of_many_sessions(world: World) {
    let new = world.new_task();
    let sessions: Vec<SessionId> =
        (0..40).map(|number| format!("session-of-{number}").parse().expect("a session id")).collect();
    let outcomes = at_once(40, |number| {
        let (store, session_id) = (Arc::clone(&world.store), sessions[number].clone());
        let new = NewTask { session_id, ..new.clone() };
        async move { store.create(new).await }
    })
    .await;
    let mut owners = 0;
    for (session, outcome) in sessions.iter().zip(outcomes) {
        match outcome {
            Ok(created) => {
                owners += 1;
                assert_eq!((created.fresh, &created.task.session_id), (true, session));
                assert_eq!(world.store.get(session, &new.id).await.unwrap(), created.task);
            }
            Err(error) => {
                assert_eq!(error, StoreError::Conflict { key: new.id.to_string() });
                assert!(matches!(world.store.get(session, &new.id).await, Err(StoreError::NotFound { .. })));
                assert!(matches!(world.store.session(session).await, Err(StoreError::NoSession { .. })));
            }
        }
    }
    assert_eq!(owners, 1);
}

// L30
async fn many_hosts_never_get_the_same_claim(world: World) {
    for _ in 0..60 {
        world.created().await;
    }
    let claims = at_once(20, |number| {
        let host = u8::try_from(number).expect("few hosts");
        let (store, request) = (Arc::clone(&world.store), ClaimRequest { limit: 7, ..world.request(host) });
        async move { store.claim(&request).await.expect("a claim") }
    })
    .await;
    let all: Vec<_> = claims.into_iter().flatten().map(|claim| claim.task.id).collect();
    assert_eq!(all.len(), 60);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 60);
}

// L25
async fn a_log_that_is_trimmed_while_it_begins_keeps_its_beginning(world: World) {
    let long_ago = world.store.now() - chrono::TimeDelta::days(30);
    at_once(20, |number| {
        let (store, new) = (Arc::clone(&world.store), world.new_task());
        async move {
            if number % 2 == 0 {
                store.create(new).await.expect("a task");
            } else {
                assert_eq!(store.trim_log(long_ago, 100).await.expect("a look"), 0, "nothing is old");
            }
        }
    })
    .await;
    let page = world.store.events(&world.session, 0, 100).await.unwrap();
    assert_eq!((page.first, page.last, page.events.len()), (1, 10, 10));
}

// L1, L19
async fn of_many_ends_one_counts(world: World) {
    let task = world.running_with(taskwright_registry::WakePolicy::OnTerminal).await;
    let outcomes = at_once(30, |number| {
        let state = [State::Succeeded, State::Failed, State::Canceled][number % 3];
        let (store, task) = (Arc::clone(&world.store), task.clone());
        async move { (state, store.update(&task.session_id, &task.id, to(&task, state)).await) }
    })
    .await;
    let end = world.get(&task).await;
    for (asked, outcome) in outcomes {
        assert_eq!(outcome.is_ok(), asked == end.state, "a write is accepted exactly if it is what came of the task");
    }
    assert_eq!(world.store.wakes(&world.session, 10).await.unwrap().len(), 1);
}

// L17
async fn a_cancel_survives_a_storm_of_other_writes(world: World) {
    let task = world.running().await;
    let effects = at_once(60, |number| {
        let (store, task) = (Arc::clone(&world.store), task.clone());
        async move {
            if number % 3 == 0 {
                let reason = Some(number.to_string());
                return Some(store.request_cancel(&task.session_id, &task.id, reason).await.expect("a cancel").1);
            }
            let mut update = TaskUpdate { fence: Some(task.fence()), heartbeat: true, ..TaskUpdate::default() };
            update.state_detail = Some(Some(number.to_string()));
            store.update(&task.session_id, &task.id, update).await.expect("an update");
            None
        }
    })
    .await;
    let first = effects.iter().flatten().filter(|effect| **effect == CancelEffect::Requested).count();
    assert_eq!(first, 1);
    assert!(world.get(&task).await.cancel.is_some());
}

for_every_store!(
    two_hundred_concurrent_appends_keep_two_hundred,
    fifty_threads_on_one_task_lose_nothing,
    one_name_goes_to_one_of_many,
    one_creation_by_many_is_one_task,
    one_id_goes_to_one_of_many_sessions,
    many_hosts_never_get_the_same_claim,
    a_log_that_is_trimmed_while_it_begins_keeps_its_beginning,
    of_many_ends_one_counts,
    a_cancel_survives_a_storm_of_other_writes,
);
