//! Forgetting what has been over for long enough.
//! Does not know how long that is: a runner says so.

use chrono::TimeDelta;
use taskwright_registry::{Lineage, NewTask, State, Task, Timestamp, WakePolicy};
use taskwright_store::{MessagePage, StoreError};

use crate::world::{World, stranger, to};

async fn ended(world: &World) -> Task {
    let task = world.running_with(WakePolicy::OnTerminal).await;
    world.store.record_message(&world.session, &task.id, world.inbound("hello")).await.unwrap();
    let end = taskwright_registry::TaskUpdate { result: Some(serde_json::json!(1)), ..to(&task, State::Succeeded) };
    world.update(&task, end).await
}

async fn forget(world: &World, task: &Task, before: Timestamp) -> bool {
    world.store.forget(&task.session_id, &task.id, before).await.unwrap()
}

async fn finished(world: &World, before: Timestamp) -> Vec<taskwright_registry::TaskId> {
    world.store.finished(before, None, 100).await.unwrap().tasks.into_iter().map(|(_, id)| id).collect()
}

// L23
async fn a_task_that_is_forgotten_is_gone_with_all_that_lay_beside_it(world: World) {
    let (task, other) = (ended(&world).await, ended(&world).await);
    world.clock.advance(1);
    let before = world.store.now();
    assert!(forget(&world, &task, before).await);
    assert!(!forget(&world, &task, before).await, "once");
    let (session, id) = (&task.session_id, &task.id);
    assert!(matches!(world.store.get(session, id).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(world.store.result(session, id).await, Err(StoreError::NotFound { .. })));
    assert_eq!(world.store.messages(session, id, &MessagePage::default()).await.unwrap(), []);
    let wakes = world.store.wakes(session, 10).await.unwrap();
    assert_eq!(wakes.iter().map(|wake| &wake.task_id).collect::<Vec<_>>(), [&other.id]);
    assert_eq!(world.get(&other).await, other);
    assert_eq!(finished(&world, before).await, [other.id]);
}

// L21
async fn what_a_forgotten_task_was_known_by_is_free_again(world: World) {
    let named = || NewTask { idempotency_key: Some("key".to_owned()), ..world.new_task() };
    let task = world.store.create(named()).await.unwrap().task;
    world.store.request_cancel(&world.session, &task.id, None).await.unwrap();
    world.clock.advance(1);
    assert!(forget(&world, &task, world.store.now()).await);
    let again = world.store.create(named()).await.unwrap();
    assert!(again.fresh);
    assert_ne!(again.task.id, task.id);
}

async fn what_lives_or_ended_lately_is_never_forgotten(world: World) {
    let late = world.store.now() + TimeDelta::days(1_000);
    for state in State::LIVE {
        let task = world.in_state(state).await;
        assert!(!forget(&world, &task, late).await, "{state:?}");
        assert_eq!(world.get(&task).await, task);
    }
    let task = ended(&world).await;
    assert!(!forget(&world, &task, task.finished_at.unwrap()).await, "it ended at that moment and not before it");
    assert_eq!(finished(&world, task.finished_at.unwrap()).await, []);
    assert_eq!(finished(&world, late).await, std::slice::from_ref(&task.id));
    assert_eq!(world.store.forget(&stranger(), &task.id, late).await, Ok(false), "it is not the stranger's");
    assert_eq!(world.get(&task).await, task);
}

async fn children_are_forgotten_before_their_parents(world: World) {
    let parent = ended(&world).await;
    let lineage = Lineage { task_id: Some(parent.id.to_string()), ..Lineage::default() };
    let child = world.store.create(NewTask { parent: lineage, ..world.new_task() }).await.unwrap().task;
    let late = world.store.now() + TimeDelta::days(1);
    assert_eq!(finished(&world, late).await, [], "a child of it lives");
    assert!(!forget(&world, &parent, late).await);
    world.store.request_cancel(&world.session, &child.id, None).await.unwrap();
    assert_eq!(finished(&world, late).await, std::slice::from_ref(&child.id));
    assert!(forget(&world, &child, late).await);
    assert_eq!(finished(&world, late).await, std::slice::from_ref(&parent.id));
    assert!(forget(&world, &parent, late).await);
}

async fn what_is_over_comes_in_pages_by_its_end(world: World) {
    let mut expected = Vec::new();
    for number in 0..7 {
        let task = ended(&world).await;
        expected.push(task.id);
        world.clock.advance(if number % 3 == 0 { 1 } else { 0 });
    }
    let late = world.store.now() + TimeDelta::days(1);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = world.store.finished(late, after, 3).await.unwrap();
        assert!(page.tasks.len() <= 3);
        found.extend(page.tasks.into_iter().map(|(_, id)| id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
}

// L25
async fn a_log_is_trimmed_from_its_beginning_alone(world: World) {
    let mut tasks = Vec::new();
    for _ in 0..4 {
        tasks.push(ended(&world).await);
        world.clock.advance(1_000);
    }
    world.store.create(NewTask { session_id: stranger(), ..world.new_task() }).await.unwrap();
    let all = world.log().await;
    let cut = tasks[2].created_at;
    let older = all.iter().filter(|event| event.at < cut).count();
    assert_eq!(world.store.trim_log(cut, 3).await, Ok(3), "as many as wanted");
    assert_eq!(world.store.trim_log(cut, 1_000).await, Ok(older - 3));
    assert_eq!(world.store.trim_log(cut, 1_000).await, Ok(0));
    let page = world.store.events(&world.session, 0, 1_000).await.unwrap();
    assert_eq!(page.events, all[older..]);
    assert_eq!((page.first, page.last), (older as u64 + 1, all.len() as u64));
    let behind = world.store.events(&world.session, page.first, 1).await.unwrap();
    assert_eq!(behind.events[0].seq, page.first + 1, "a cursor means the same as before");
    world.clock.advance(1);
    world.store.trim_log(world.store.now(), 1_000).await.unwrap();
    let page = world.store.events(&world.session, 0, 10).await.unwrap();
    assert_eq!((page.events.len(), page.first, page.last), (0, all.len() as u64 + 1, all.len() as u64));
    let next = world.created().await;
    let page = world.store.events(&world.session, 0, 10).await.unwrap();
    assert_eq!(
        page.events.iter().map(|event| (event.seq, &event.task_id)).collect::<Vec<_>>(),
        [(page.last, &next.id)]
    );
    assert_eq!(page.last, all.len() as u64 + 1, "no number is given twice");
    assert_eq!(world.store.events(&stranger(), 0, 10).await.unwrap().first, 2);
}

// L25: the clock went back; what is newer by its number stays, whatever its time says.
async fn nothing_behind_an_event_that_stays_is_taken_from_the_log(world: World) {
    ended(&world).await;
    let cut = world.store.now() + TimeDelta::milliseconds(1);
    world.clock.advance(1_000);
    world.created().await;
    world.clock.advance(-5_000);
    world.created().await;
    let all = world.log().await;
    let gone = world.store.trim_log(cut, 1_000).await.unwrap();
    let page = world.store.events(&world.session, 0, 1_000).await.unwrap();
    assert_eq!((gone, page.events.len()), (all.len() - 2, 2));
}

for_every_store!(
    a_task_that_is_forgotten_is_gone_with_all_that_lay_beside_it,
    what_a_forgotten_task_was_known_by_is_free_again,
    what_lives_or_ended_lately_is_never_forgotten,
    children_are_forgotten_before_their_parents,
    what_is_over_comes_in_pages_by_its_end,
    a_log_is_trimmed_from_its_beginning_alone,
    nothing_behind_an_event_that_stays_is_taken_from_the_log,
);
