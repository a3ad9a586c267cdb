//! Moving tasks to another session: all of them or none, with everything that belongs to them.
//! Does not test what their instances notice: the whole-system tests do.

use taskwright_registry::{
    ChildLimits, CloseOrder, EventBody, Fence, GrantedWithin, NewChild, NewTask, SessionId, SessionRejection, State,
    Task, TaskUpdate, WakePolicy,
};
use taskwright_store::{Change, MessagePage, StoreError};

use crate::world::{World, stranger, to};

async fn child(world: &World, parent: &Task, call: &str) -> Task {
    let (fence, call, limits) = (parent.fence(), call.to_owned(), ChildLimits::NONE);
    let new = NewChild { fence, call, limits, within: GrantedWithin::Parent, task: world.new_task() };
    world.store.create_child(&parent.session_id, &parent.id, new).await.unwrap().task
}

async fn named(world: &World, session: &SessionId, name: &str) -> Task {
    let new = NewTask { session_id: session.clone(), name: Some(name.to_owned()), ..world.new_task() };
    world.store.create(new).await.unwrap().task
}

// L48, L23
async fn a_task_moves_with_its_messages_its_wakes_and_the_say_of_its_instance(world: World) {
    let task = world.running_with(WakePolicy::OnActivity).await;
    let posted = world.outbound(task.fence(), "hello");
    world.store.record_message(&world.session, &task.id, posted).await.unwrap();
    let mut changes = world.store.changes();
    let there = world.store.transfer(&world.session, std::slice::from_ref(&task.id), &stranger()).await.unwrap();
    assert_eq!((there.len(), &there[0].session_id, there[0].fence()), (1, &stranger(), task.fence()));
    assert_eq!(there[0].spec, task.spec);
    assert!(matches!(world.store.get(&world.session, &task.id).await, Err(StoreError::NotFound { .. })));
    let page = MessagePage::default();
    assert_eq!(world.store.messages(&world.session, &task.id, &page).await.unwrap(), []);
    assert_eq!(world.store.messages(&stranger(), &task.id, &page).await.unwrap().len(), 1);
    assert_eq!(world.store.wakes(&world.session, 10).await.unwrap(), []);
    let wakes = world.store.wakes(&stranger(), 10).await.unwrap();
    assert_eq!((wakes.len(), &wakes[0].session_id), (1, &stranger()));
    let announced: Vec<Change> = std::iter::from_fn(|| changes.try_recv().ok()).collect();
    assert!(announced.contains(&Change::Woken { session_id: stranger() }), "{announced:?}");
    let host = task.dispatch.host.clone().unwrap();
    assert_eq!(world.store.held_task(&host, &task.id).await.unwrap(), there[0]);
    let late = world.store.update(&world.session, &task.id, to(&task, State::Succeeded)).await.unwrap_err();
    assert!(matches!(late, StoreError::NotFound { .. }));
    let done = world.store.update(&stranger(), &task.id, to(&task, State::Succeeded)).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
    assert_eq!(world.store.wakes(&stranger(), 10).await.unwrap().len(), 2);
    let not_held = world.store.held_task(&host, &task.id).await.unwrap_err();
    assert_eq!(not_held, StoreError::NotHeld { host, id: task.id });
}

// L48, L25
async fn both_logs_tell_of_a_move(world: World) {
    let task = world.created().await;
    world.store.transfer(&world.session, std::slice::from_ref(&task.id), &stranger()).await.unwrap();
    for session in [&world.session, &stranger()] {
        let last = world.store.events(session, 0, 10).await.unwrap().events.pop().unwrap();
        let EventBody::Transferred { from, to, task: record } = last.body else { panic!("{last:?}") };
        assert_eq!((&from, &to, &record.id), (&world.session, &stranger(), &task.id));
    }
}

// L48, L3
async fn a_list_moves_as_a_whole_or_not_at_all(world: World) {
    let (one, two) = (named(&world, &world.session, "one").await, named(&world, &world.session, "two").await);
    let foreign = named(&world, &stranger(), "two").await;
    let ids = [one.id.clone(), two.id.clone()];
    let refused = world.store.transfer(&world.session, &ids, &stranger()).await.unwrap_err();
    assert_eq!(refused, StoreError::NameTaken { name: "two".to_owned(), holder: foreign.id.clone() });
    let with_foreign = [one.id.clone(), foreign.id.clone()];
    let refused = world.store.transfer(&world.session, &with_foreign, &stranger()).await.unwrap_err();
    assert_eq!(refused, StoreError::NotFound { session: world.session.clone(), id: foreign.id });
    assert_eq!(world.store.get(&world.session, &one.id).await.unwrap(), one);
    assert_eq!(world.store.get(&world.session, &two.id).await.unwrap(), two);
    let same = world.store.transfer(&world.session, &ids, &world.session).await.unwrap();
    assert_eq!(same.iter().map(|task| task.version).collect::<Vec<_>>(), [1, 1]);
}

// L48, L21
async fn a_key_that_is_in_use_there_is_refused(world: World) {
    let keyed = |world: &World, session: &SessionId| NewTask {
        session_id: session.clone(),
        idempotency_key: Some("key".to_owned()),
        ..world.new_task()
    };
    let mine = world.store.create(keyed(&world, &world.session)).await.unwrap().task;
    let theirs = world.store.create(keyed(&world, &stranger())).await.unwrap().task;
    let refused = world.store.transfer(&world.session, &[mine.id], &stranger()).await.unwrap_err();
    assert_eq!(refused, StoreError::KeyTaken { key: "key".to_owned(), holder: theirs.id });
}

// L48
async fn what_an_instance_has_begun_follows_its_task_and_does_not_leave_it(world: World) {
    let parent = world.running_with(WakePolicy::Silent).await;
    let one = child(&world, &parent, "one").await;
    let over = child(&world, &parent, "over").await;
    world.store.request_cancel(&world.session, &over.id, None).await.unwrap();
    let refused = world.store.transfer(&world.session, std::slice::from_ref(&one.id), &stranger()).await.unwrap_err();
    let StoreError::SessionRejected { reason, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(reason, SessionRejection::ParentStays { child: one.id.clone(), parent: parent.id.clone() });
    let there = world.store.transfer(&world.session, std::slice::from_ref(&parent.id), &stranger()).await.unwrap();
    let ids: Vec<_> = there.iter().map(|task| &task.id).collect();
    assert_eq!(ids, [&parent.id, &one.id, &over.id]);
    let claimed = world.store.get(&stranger(), &one.id).await.unwrap();
    assert_eq!(claimed.parent.task_id.as_deref(), Some(parent.id.as_str()));
}

// L48
async fn where_nothing_is_named_nothing_moves_and_nothing_is_opened(world: World) {
    let task = world.created().await;
    assert_eq!(world.store.transfer(&world.session, &[], &stranger()).await.unwrap(), []);
    let same = world.store.transfer(&world.session, std::slice::from_ref(&task.id), &world.session).await.unwrap();
    assert_eq!(same, [task]);
    let unknown = world.store.session(&stranger()).await.unwrap_err();
    assert_eq!(unknown, StoreError::NoSession { session: stranger() });
}

// L48, L55
async fn the_instance_of_the_newest_claim_finds_its_task_wherever_it_is_and_also_when_it_is_over(world: World) {
    let task = world.running().await;
    let found = async |claim: Fence| world.store.claimed_task(&task.id, claim).await.unwrap();
    assert_eq!(found(task.fence()).await, Some(task.clone()));
    for other in [Fence { claim: 2, ..task.fence() }, Fence { birth: 1, ..task.fence() }] {
        assert_eq!(found(other).await, None);
    }
    assert!(found(Fence { attempt: 7, ..task.fence() }).await.is_some(), "its attempt may have ended");
    world.update(&task, to(&task, State::Succeeded)).await;
    let there = world.store.transfer(&world.session, std::slice::from_ref(&task.id), &stranger()).await.unwrap();
    assert_eq!(found(task.fence()).await, there.into_iter().next());
}

// L45
async fn nothing_moves_to_a_session_that_is_closed(world: World) {
    let task = world.created().await;
    world.store.open_session(&stranger(), None).await.unwrap();
    world.store.close_session(&stranger(), CloseOrder::default()).await.unwrap();
    let refused = world.store.transfer(&world.session, &[task.id], &stranger()).await.unwrap_err();
    assert!(matches!(refused, StoreError::SessionRejected { reason: SessionRejection::Over { .. }, .. }));
}

// L30
async fn a_task_that_has_moved_is_claimed_and_found_like_any_other(world: World) {
    let task = world.created().await;
    world.store.transfer(&world.session, std::slice::from_ref(&task.id), &stranger()).await.unwrap();
    let claimed = world.claim(&task).await.task;
    assert_eq!((&claimed.session_id, claimed.state), (&stranger(), State::Running));
    let beat = TaskUpdate { fence: Some(claimed.fence()), heartbeat: true, ..TaskUpdate::default() };
    world.store.update(&stranger(), &task.id, beat).await.unwrap();
}

for_every_store!(
    where_nothing_is_named_nothing_moves_and_nothing_is_opened,
    the_instance_of_the_newest_claim_finds_its_task_wherever_it_is_and_also_when_it_is_over,
    a_task_moves_with_its_messages_its_wakes_and_the_say_of_its_instance,
    both_logs_tell_of_a_move,
    a_list_moves_as_a_whole_or_not_at_all,
    a_key_that_is_in_use_there_is_refused,
    what_an_instance_has_begun_follows_its_task_and_does_not_leave_it,
    nothing_moves_to_a_session_that_is_closed,
    a_task_that_has_moved_is_claimed_and_found_like_any_other,
);
