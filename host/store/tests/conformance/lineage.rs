//! Wanting the end of many tasks at once, and what may not begin any more under them.
//! Does not test how one task is canceled: `cancel` does.

use taskwright_registry::{Lineage, NewTask, Rejection, SessionId, SessionOwner, SessionRejection, State, Task};
use taskwright_store::{CancelCount, CancelScope, StoreError};

use crate::world::{World, stranger, to};

async fn below(world: &World, session: &SessionId, parent: Option<&Task>, run: Option<&str>) -> Task {
    let parent = Lineage {
        task_id: parent.map(|task| task.id.to_string()),
        run_id: run.map(str::to_owned),
        ..Lineage::default()
    };
    let new = NewTask { session_id: session.clone(), parent, ..world.new_task() };
    world.store.create(new).await.unwrap().task
}

async fn cancel(world: &World, scope: CancelScope) -> CancelCount {
    world.store.cancel_many(&world.session, scope, Some("enough".to_owned())).await.unwrap()
}

fn count(signalled: usize, again: usize) -> CancelCount {
    CancelCount { signalled, again }
}

async fn state(world: &World, task: &Task) -> State {
    world.store.get(&task.session_id, &task.id).await.unwrap().state
}

// L49
async fn a_tree_is_canceled_through_what_is_over_and_nothing_begins_under_it_any_more(world: World) {
    let root = world.running_with(taskwright_registry::WakePolicy::Silent).await;
    let over = below(&world, &world.session, Some(&root), None).await;
    let leaf = below(&world, &world.session, Some(&over), None).await;
    let beside = below(&world, &world.session, None, None).await;
    world.store.request_cancel(&world.session, &over.id, None).await.unwrap();
    world.update(&root, to(&root, State::Succeeded)).await;
    assert_eq!(cancel(&world, CancelScope::Tree(root.id.clone())).await, count(1, 0));
    assert_eq!((state(&world, &leaf).await, state(&world, &beside).await), (State::Canceled, State::Queued));
    assert_eq!(cancel(&world, CancelScope::Tree(root.id.clone())).await, count(0, 0));
    for parent in [&root, &over, &leaf] {
        let lineage = Lineage { task_id: Some(parent.id.to_string()), ..Lineage::default() };
        let refused = world.store.create(NewTask { parent: lineage, ..world.new_task() }).await.unwrap_err();
        assert_eq!(refused, Rejection::CanceledLineage { lineage: parent.id.to_string() }.into());
    }
}

// L49
async fn lineage_that_goes_in_a_circle_is_canceled_once_round(world: World) {
    let (one, two) = (world.task_id(), world.task_id());
    for (id, parent) in [(&one, &two), (&two, &one)] {
        let parent = Lineage { task_id: Some(parent.to_string()), ..Lineage::default() };
        world.store.create(NewTask { id: id.clone(), parent, ..world.new_task() }).await.unwrap();
    }
    assert_eq!(cancel(&world, CancelScope::Tree(one)).await, count(2, 0));
}

// L49
async fn a_run_is_canceled_with_what_is_below_it_and_begins_nothing_more(world: World) {
    let root = below(&world, &world.session, None, Some("run-1")).await;
    let leaf = below(&world, &world.session, Some(&root), None).await;
    let other = below(&world, &world.session, None, Some("run-2")).await;
    assert_eq!(cancel(&world, CancelScope::Run("run-1".to_owned())).await, count(2, 0));
    assert_eq!((state(&world, &leaf).await, state(&world, &other).await), (State::Canceled, State::Queued));
    let lineage = Lineage { run_id: Some("run-1".to_owned()), ..Lineage::default() };
    let refused = world.store.create(NewTask { parent: lineage, ..world.new_task() }).await.unwrap_err();
    assert_eq!(refused, Rejection::CanceledLineage { lineage: "the run run-1".to_owned() }.into());
    let repeated = NewTask {
        id: root.id.clone(),
        parent: Lineage { run_id: Some("run-1".to_owned()), ..Lineage::default() },
        ..world.new_task()
    };
    assert!(!world.store.create(repeated).await.unwrap().fresh, "what had begun is still found");
    assert_eq!(cancel(&world, CancelScope::Run("nobody knows it".to_owned())).await, count(0, 0));
}

// L49, L17
async fn all_of_a_session_is_canceled_but_for_what_is_kept(world: World) {
    let (kept, first, hidden) = (world.created().await, world.created().await, world.new_task());
    let hidden = NewTask { visibility: taskwright_registry::Visibility::Hidden, ..hidden };
    let hidden = world.store.create(hidden).await.unwrap().task;
    let foreign = below(&world, &stranger(), None, None).await;
    let running = world.running_with(taskwright_registry::WakePolicy::Silent).await;
    let keep = vec![kept.id.clone(), foreign.id.clone()];
    assert_eq!(cancel(&world, CancelScope::AllBut(keep)).await, count(3, 0));
    for (task, expected) in [
        (&kept, State::Queued),
        (&first, State::Canceled),
        (&hidden, State::Canceled),
        (&foreign, State::Queued),
        (&running, State::Running),
    ] {
        assert_eq!(state(&world, task).await, expected);
    }
    assert_eq!(cancel(&world, CancelScope::All).await, count(1, 1), "the running one had been asked");
    world.created().await;
}

// L49, L23
async fn a_cancel_crosses_into_sessions_that_were_opened_for_it_and_into_no_others(world: World) {
    let root = world.running_with(taskwright_registry::WakePolicy::Silent).await;
    let [child, grandchild, unrelated]: [SessionId; 3] =
        ["child", "grandchild", "unrelated"].map(|name| name.parse().unwrap());
    let owner = |session: &SessionId, task: &Task| {
        Some(SessionOwner { session_id: session.clone(), task_id: Some(task.id.clone()) })
    };
    world.store.open_session(&child, owner(&world.session, &root)).await.unwrap();
    let in_child = below(&world, &child, None, None).await;
    world.store.open_session(&grandchild, owner(&child, &in_child)).await.unwrap();
    let in_grandchild = below(&world, &grandchild, None, None).await;
    let elsewhere = below(&world, &unrelated, Some(&root), None).await;
    let foreign = world.store.cancel_many(&unrelated, CancelScope::Tree(root.id.clone()), None).await.unwrap_err();
    assert_eq!(foreign, StoreError::NotFound { session: unrelated.clone(), id: root.id.clone() });
    assert_eq!(cancel(&world, CancelScope::Tree(root.id.clone())).await, count(3, 0));
    assert_eq!(state(&world, &in_child).await, State::Canceled);
    assert_eq!(state(&world, &in_grandchild).await, State::Canceled);
    assert_eq!(state(&world, &elsewhere).await, State::Queued, "it only says that it came from there");
    let new = NewTask { session_id: grandchild.clone(), ..world.new_task() };
    let refused = world.store.create(new).await.unwrap_err();
    assert!(matches!(refused, StoreError::SessionRejected { reason: SessionRejection::Canceled { .. }, .. }));
}

for_every_store!(
    a_tree_is_canceled_through_what_is_over_and_nothing_begins_under_it_any_more,
    lineage_that_goes_in_a_circle_is_canceled_once_round,
    a_run_is_canceled_with_what_is_below_it_and_begins_nothing_more,
    all_of_a_session_is_canceled_but_for_what_is_kept,
    a_cancel_crosses_into_sessions_that_were_opened_for_it_and_into_no_others,
);
