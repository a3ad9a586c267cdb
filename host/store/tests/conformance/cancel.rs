//! Asking a task to end.
//! Does not test that anything stops: the runner's tests do.

use taskwright_registry::{CancelEffect, DispatchChange, Rejection, State, Supersede, TaskUpdate};
use taskwright_store::StoreError;

use crate::world::{World, detail, to};

// L17, L20
async fn a_cancel_does_what_the_state_allows(world: World, state: State) {
    let task = world.in_state(state).await;
    let before = world.all_of(&task).await;
    world.clock.advance(1_000);
    let asked = world.store.request_cancel(&world.session, &task.id, Some("enough".to_owned())).await;
    let (after, effect) = asked.unwrap();
    assert_eq!(world.get(&task).await, after);
    match state {
        State::Queued => {
            assert_eq!((effect, after.state), (CancelEffect::CanceledBeforeStart, State::Canceled));
            assert!(after.finished_at.is_some());
        }
        State::Running | State::AwaitingInput => {
            assert_eq!((effect, after.state), (CancelEffect::Requested, state));
            let cancel = after.cancel.unwrap();
            assert_eq!((cancel.requested_at, cancel.reason.as_deref()), (world.store.now(), Some("enough")));
        }
        State::Succeeded | State::Failed | State::Canceled => {
            assert_eq!(effect, CancelEffect::AlreadyOver);
            assert_eq!(world.all_of(&task).await, before);
        }
    }
}

// L17, L4
async fn the_first_cancel_stands(world: World) {
    let task = world.running().await;
    let (first, _) = world.store.request_cancel(&world.session, &task.id, Some("one".to_owned())).await.unwrap();
    let before = world.all_of(&task).await;
    world.clock.advance(1_000);
    let (again, effect) = world.store.request_cancel(&world.session, &task.id, Some("two".to_owned())).await.unwrap();
    assert_eq!(effect, CancelEffect::AlreadyRequested);
    assert_eq!(again, first);
    assert_eq!(world.all_of(&task).await, before);
}

// L17: a cancel was erased by another writer.
async fn no_other_write_erases_a_cancel(world: World) {
    let task = world.running().await;
    let (task, _) = world.store.request_cancel(&world.session, &task.id, Some("why".to_owned())).await.unwrap();
    let cancel = task.cancel.clone();
    for update in [
        detail(&task, "at work"),
        TaskUpdate { heartbeat: true, ..TaskUpdate::default() },
        world.question(&task, "?"),
        to(&task, State::Running),
        TaskUpdate { cancel_delivered: true, ..TaskUpdate::default() },
        TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() },
        TaskUpdate { state: Some(State::Failed), ..TaskUpdate::default() },
    ] {
        assert_eq!(world.update(&task, update).await.cancel, cancel);
    }
}

// L16: a cancel's wake-up was lost.
async fn a_cancel_makes_a_hibernating_task_due_at_once(world: World) {
    let task = world.running().await;
    let dispatch = Some(DispatchChange::Hibernate { until: None, ignored: 0 });
    let asleep = world.update(&task, TaskUpdate { dispatch, ..TaskUpdate::default() }).await;
    assert_eq!(asleep.dispatch.due_at, None);
    assert!(world.store.claim(&world.request(1)).await.unwrap().is_empty());
    world.clock.advance(1_000);
    let (after, _) = world.store.request_cancel(&world.session, &task.id, None).await.unwrap();
    assert_eq!(after.dispatch.due_at, Some(world.store.now()));
    let claimed = world.store.claim(&world.request(1)).await.unwrap();
    assert!(claimed.len() == 1 && claimed[0].resumed);
}

// L16
async fn a_cancel_that_came_first_keeps_the_task_from_lying_down(world: World) {
    let task = world.running().await;
    world.store.request_cancel(&world.session, &task.id, None).await.unwrap();
    let dispatch = Some(DispatchChange::Hibernate { until: None, ignored: 0 });
    let asleep = world.update(&task, TaskUpdate { dispatch, ..TaskUpdate::default() }).await;
    assert_eq!(asleep.dispatch.due_at, Some(world.store.now()));
}

// L31, L3
async fn a_reason_that_is_too_long_cancels_nothing(world: World) {
    let task = world.running().await;
    let refused = world.store.request_cancel(&world.session, &task.id, Some("x".repeat(5_000))).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::TooLarge { .. }))));
    assert_eq!(world.get(&task).await, task);
}

for_every_store!(
    the_first_cancel_stands,
    no_other_write_erases_a_cancel,
    a_cancel_makes_a_hibernating_task_due_at_once,
    a_cancel_that_came_first_keeps_the_task_from_lying_down,
    a_reason_that_is_too_long_cancels_nothing,
);

mod in_every_state {
    use super::a_cancel_does_what_the_state_allows;
    for_every_store_and_state!(a_cancel_does_what_the_state_allows);
}
