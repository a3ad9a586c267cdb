//! Creating tasks: idempotence, conflicts, names.
//! Does not test limits of a record's texts: the core's own tests do.

use serde_json::json;
use taskwright_registry::{Lineage, NewTask, Phase, Rejection, State, Visibility, WakePolicy};
use taskwright_store::{StoreError, TaskQuery};

use crate::world::{World, stranger, to};

// L21
async fn the_same_creation_twice_is_one_task(world: World) {
    let new = NewTask { name: Some("n".to_owned()), ..world.new_task() };
    let first = world.store.create(new.clone()).await.unwrap();
    world.clock.advance(5_000);
    let again = world.store.create(new).await.unwrap();
    assert!(first.fresh && !again.fresh);
    assert_eq!(first.task, again.task);
    assert_eq!(world.log().await.len(), 1);
}

// L21
async fn a_repetition_finds_the_task_as_it_is_by_now(world: World) {
    let new = world.new_task();
    let task = world.store.create(new.clone()).await.unwrap().task;
    let task = world.claim(&task).await.task;
    let over = world.update(&task, to(&task, State::Succeeded)).await;
    let again = world.store.create(new).await.unwrap();
    assert_eq!(again.task, over);
}

// L21
async fn different_content_under_one_id_is_a_conflict(world: World) {
    let new = world.new_task();
    let task = world.store.create(new.clone()).await.unwrap().task;
    for other in [
        NewTask { spec: json!({"n": 2}), ..new.clone() },
        NewTask { kind: "other".to_owned(), ..new.clone() },
        NewTask { name: Some("name".to_owned()), ..new.clone() },
        NewTask { idempotency_key: Some("key".to_owned()), ..new.clone() },
        NewTask { wake_policy: WakePolicy::OnTerminal, ..new.clone() },
        NewTask { max_attempts: 7, ..new.clone() },
    ] {
        let refused = world.store.create(other).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    assert_eq!(world.get(&task).await, task);
    assert_eq!(world.log().await.len(), 1);
}

// L21, L23: one id was given to two sessions, and the second got the first one's task.
async fn an_id_of_another_session_is_a_conflict_that_reveals_nothing(world: World) {
    let new = world.new_task();
    world.store.create(new.clone()).await.unwrap();
    let foreign = NewTask { session_id: stranger(), ..new.clone() };
    let refused = world.store.create(foreign).await.unwrap_err();
    assert_eq!(refused, StoreError::Conflict { key: new.id.to_string() });
    assert_eq!(world.store.events(&stranger(), 0, 10).await.unwrap().last, 0);
    let found = world.store.get(&stranger(), &new.id).await;
    assert!(matches!(found, Err(StoreError::NotFound { .. })));
}

// L21
async fn an_idempotency_key_finds_the_task_whatever_the_id(world: World) {
    let new = NewTask { idempotency_key: Some("once".to_owned()), ..world.new_task() };
    let first = world.store.create(new.clone()).await.unwrap().task;
    let again = world.store.create(NewTask { id: world.task_id(), ..new.clone() }).await.unwrap();
    assert!(!again.fresh);
    assert_eq!(again.task, first);
    let other = NewTask { id: world.task_id(), spec: json!("other"), ..new.clone() };
    assert!(matches!(world.store.create(other).await, Err(StoreError::Conflict { .. })));
    let elsewhere = NewTask { id: world.task_id(), session_id: stranger(), ..new };
    assert!(world.store.create(elsewhere).await.unwrap().fresh, "a key belongs to its session");
}

// L21
async fn a_name_is_taken_exactly_while_its_task_lives(world: World, state: State) {
    let task = world.in_state(State::Queued).await;
    world.store.request_cancel(&world.session, &task.id, None).await.unwrap();
    let named = |world: &World| NewTask { name: Some("the-one".to_owned()), ..world.new_task() };
    let mut task = world.store.create(named(&world)).await.unwrap().task;
    if state != State::Queued {
        task = world.claim(&task).await.task;
    }
    match state {
        State::Queued | State::Running => {}
        State::AwaitingInput => task = world.update(&task, world.question(&task, "?")).await,
        over => task = world.update(&task, to(&task, over)).await,
    }
    assert_eq!(task.state, state);
    let second = world.store.create(named(&world)).await;
    if state.is_live() {
        assert_eq!(second.unwrap_err(), StoreError::NameTaken { name: "the-one".to_owned(), holder: task.id });
    } else {
        let fresh = second.unwrap();
        assert!(fresh.fresh && fresh.task.id != task.id);
    }
    let elsewhere = NewTask { session_id: stranger(), ..named(&world) };
    assert!(world.store.create(elsewhere).await.unwrap().fresh, "a name belongs to its session");
}

// L21, L3
async fn a_reserved_name_creates_nothing(world: World) {
    for name in ["parent", "self", "all", "broadcast", "ALL"] {
        let refused = world.store.create(NewTask { name: Some(name.to_owned()), ..world.new_task() }).await;
        assert!(matches!(refused, Err(StoreError::Rejected(Rejection::Invalid { .. }))), "{name}: {refused:?}");
    }
    assert!(world.log().await.is_empty());
    assert!(world.store.list(&world.session, &TaskQuery::default()).await.unwrap().tasks.is_empty());
}

// L8, L9, L27
async fn a_new_task_is_queued_and_due(world: World) {
    let parent = Lineage { task_id: Some("task_x".to_owned()), ..Lineage::default() };
    let new = NewTask { parent, visibility: Visibility::Hidden, ..world.new_task() };
    let task = world.store.create(new).await.unwrap().task;
    assert_eq!((task.state, task.dispatch.phase, task.attempt, task.version), (State::Queued, Phase::Ready, 1, 1));
    assert_eq!(task.dispatch.due_at, Some(world.store.now()));
    assert_eq!((task.started_at, task.finished_at), (None, None));
    assert_eq!(world.get(&task).await, task, "what is stored is what was returned");
}

// L32: a number lost its last digit between being written and being read.
async fn a_specification_comes_back_exactly(world: World) {
    let numbers = [0.1, 1.0 / 3.0, 5e-324, f64::MAX, 123_456_789.123_456_79, 2.225_073_858_507_201e-308];
    let spec = json!({"numbers": numbers, "text": "\u{0}\u{1f600}\"\\", "big": u64::MAX, "small": i64::MIN});
    let new = NewTask { spec: spec.clone(), ..world.new_task() };
    let task = world.store.create(new.clone()).await.unwrap().task;
    assert_eq!(world.get(&task).await.spec, spec);
    assert!(!world.store.create(new).await.unwrap().fresh);
}

for_every_store!(
    the_same_creation_twice_is_one_task,
    a_repetition_finds_the_task_as_it_is_by_now,
    different_content_under_one_id_is_a_conflict,
    an_id_of_another_session_is_a_conflict_that_reveals_nothing,
    an_idempotency_key_finds_the_task_whatever_the_id,
    a_reserved_name_creates_nothing,
    a_new_task_is_queued_and_due,
    a_specification_comes_back_exactly,
);

mod in_every_state {
    use super::a_name_is_taken_exactly_while_its_task_lives;
    for_every_store_and_state!(a_name_is_taken_exactly_while_its_task_lives);
}
