//! The fence: writers of earlier attempts and claims.
//! Does not test who gets a claim: that has a module of its own.

use chrono::TimeDelta;
use taskwright_registry::{
    ChildLimits, CloseOrder, DispatchChange, Fence, GrantedWithin, NewChild, NewTask, Rejection, State, Supersede,
    Task, TaskUpdate,
};
use taskwright_store::StoreError;

use crate::world::{World, artifact, detail, to};

fn superseded<T>(outcome: Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Rejected(Rejection::Superseded { .. })))
}

// L3, L5, L26: a stale write was reported as success.
async fn a_write_with_another_fence_changes_nothing(world: World, state: State) {
    let task = world.in_state(state).await;
    world.store.record_message(&world.session, &task.id, world.inbound("hello")).await.ok();
    let before = world.all_of(&task).await;
    world.clock.advance(1_000);
    let current = task.fence();
    let Fence { attempt, claim, birth } = current;
    for stale in [
        Fence { attempt: attempt + 1, ..current },
        Fence { attempt: attempt - 1, ..current },
        Fence { claim: claim + 1, ..current },
        Fence { attempt: attempt + 1, claim: claim + 1, birth },
        Fence { birth: birth + 1, ..current },
    ] {
        let refused = world.try_update(&task, TaskUpdate { fence: Some(stale), ..to(&task, State::Succeeded) }).await;
        let expected = Rejection::Superseded { expected: stale, actual: task.fence() };
        assert_eq!(refused, Err(StoreError::Rejected(expected)));
        let content = TaskUpdate { fence: Some(stale), artifacts: vec![artifact("a")], ..TaskUpdate::default() };
        assert!(superseded(world.try_update(&task, content).await));
        let message = world.outbound(stale, "boo");
        assert!(superseded(world.store.record_message(&world.session, &task.id, message).await));
        let id = world.message_id();
        assert!(superseded(world.store.mark_delivered(&world.session, &task.id, stale, &id).await));
    }
    assert_eq!(world.all_of(&task).await, before);
}

// L5, L7: a zombie's result was accepted by the new attempt.
async fn a_straggler_cannot_write_into_the_next_attempt(world: World) {
    let first = world.running().await;
    let lost = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    let ready = world.update(&first, lost).await;
    assert_eq!((ready.attempt, ready.crashes), (2, 1));
    assert!(superseded(world.try_update(&first, to(&first, State::Succeeded)).await));
    let second = world.claim(&ready).await.task;
    assert!(superseded(world.try_update(&first, to(&first, State::Succeeded)).await));
    assert_eq!(world.get(&first).await, second);
    assert_eq!(world.update(&second, to(&second, State::Succeeded)).await.state, State::Succeeded);
}

// L6
async fn an_instance_has_no_say_after_its_hibernation_or_drain(world: World) {
    for leave in [DispatchChange::Hibernate { until: Some(world.store.now()), ignored: 0 }, DispatchChange::Release] {
        let first = world.running().await;
        let away = world
            .update(&first, TaskUpdate { fence: Some(first.fence()), dispatch: Some(leave), ..TaskUpdate::default() });
        let second = world.claim(&away.await).await.task;
        assert_eq!((second.attempt, second.dispatch.claim), (first.attempt, first.dispatch.claim + 1));
        assert!(superseded(world.try_update(&first, detail(&first, "late")).await));
        assert_eq!(world.get(&first).await, second);
    }
}

// L1, L3, L21: the old body of a task ended the new one that had been given its name.
async fn an_instance_has_no_say_about_the_task_that_has_its_name_now(world: World) {
    let named = || NewTask { name: Some("watch".to_owned()), ..world.new_task() };
    let first = world.store.create(named()).await.unwrap().task;
    let first = world.claim(&first).await.task;
    world.update(&first, TaskUpdate { state: Some(State::Failed), ..TaskUpdate::default() }).await;
    let second = world.store.create(named()).await.unwrap().task;
    let second = world.claim(&second).await.task;
    assert_eq!((first.fence(), &first.name), (second.fence(), &second.name), "the task's id alone tells them apart");
    for late in [to(&first, State::Succeeded), to(&first, State::Canceled), detail(&first, "late")] {
        let refused = world.try_update(&first, late).await;
        assert_eq!(refused, Err(StoreError::Rejected(Rejection::Terminal { state: State::Failed })));
    }
    let message = world.outbound(first.fence(), "late");
    world.store.record_message(&world.session, &first.id, message).await.unwrap_err();
    assert_eq!(world.get(&second).await, second);
}

/// How a task goes whose id is used again.
#[derive(Debug, Clone, Copy)]
enum Gone {
    Forgotten,
    WithItsSession,
}

async fn go(world: &World, task: &Task, gone: Gone) {
    let (store, session) = (&world.store, &task.session_id);
    match gone {
        Gone::Forgotten => {
            let later = store.now() + TimeDelta::milliseconds(1);
            assert!(store.forget(session, &task.id, later).await.unwrap());
        }
        Gone::WithItsSession => {
            store.close_session(session, CloseOrder { delete: true, ..CloseOrder::default() }).await.unwrap();
            assert!(store.erase(session, std::slice::from_ref(&task.id)).await.unwrap());
        }
    }
}

// L55, L5: the old body of a task ended the new one that had been given its id. The clock stands still.
async fn an_instance_has_no_say_about_the_task_that_has_its_id_now(world: World) {
    let new = NewTask { idempotency_key: Some("key".to_owned()), ..world.new_task() };
    let mut before: Vec<Task> = Vec::new();
    for gone in [Gone::Forgotten, Gone::WithItsSession, Gone::Forgotten] {
        let created = world.store.create(new.clone()).await.unwrap();
        assert!(created.fresh, "{gone:?}");
        let now = world.claim(&created.task).await.task;
        for earlier in &before {
            let (one, other) = (earlier.fence(), now.fence());
            assert_eq!((one.attempt, one.claim, earlier.created_at), (other.attempt, other.claim, now.created_at));
            let refused = world.try_update(earlier, to(earlier, State::Succeeded)).await;
            let expected = Rejection::Superseded { expected: one, actual: other };
            assert_eq!(refused, Err(StoreError::Rejected(expected.clone())));
            assert_ne!(one.to_string(), other.to_string(), "{expected}");
            assert!(superseded(world.try_update(earlier, detail(earlier, "late")).await));
            let message = world.outbound(one, "late");
            assert!(superseded(world.store.record_message(&world.session, &earlier.id, message).await));
            let id = world.message_id();
            assert!(superseded(world.store.mark_delivered(&world.session, &earlier.id, one, &id).await));
            let (call, limits, within) = ("late".to_owned(), ChildLimits::NONE, GrantedWithin::Parent);
            let child = NewChild { fence: one, call, limits, within, task: world.new_task() };
            assert!(superseded(world.store.create_child(&world.session, &earlier.id, child).await));
            let host = now.dispatch.host.clone().unwrap();
            assert_ne!(world.store.held_task(&host, &earlier.id).await.unwrap().fence(), one);
        }
        assert_eq!(world.get(&now).await, now);
        let over = TaskUpdate { state: Some(State::Failed), ..TaskUpdate::default() };
        go(&world, &world.update(&now, over).await, gone).await;
        before.push(now);
    }
}

// L7
async fn a_dropped_update_never_bumps_the_attempt(world: World, state: State) {
    let task = world.in_state(state).await;
    let stale = Fence { attempt: 9, claim: 9, birth: 0 };
    let bump = TaskUpdate { fence: Some(stale), supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    assert!(superseded(world.try_update(&task, bump).await));
    let both = TaskUpdate { supersede: Some(Supersede::Reattach), ..to(&task, State::Failed) };
    assert!(world.try_update(&task, both).await.is_err());
    assert_eq!(world.get(&task).await, task);
}

for_every_store!(
    a_straggler_cannot_write_into_the_next_attempt,
    an_instance_has_no_say_after_its_hibernation_or_drain,
    an_instance_has_no_say_about_the_task_that_has_its_name_now,
    an_instance_has_no_say_about_the_task_that_has_its_id_now,
);

mod in_every_state {
    use super::{a_dropped_update_never_bumps_the_attempt, a_write_with_another_fence_changes_nothing};
    for_every_store_and_state!(a_dropped_update_never_bumps_the_attempt, a_write_with_another_fence_changes_nothing);
}
