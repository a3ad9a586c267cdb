//! Work that is done elsewhere: who has it, what waits to be told there, what a host is to end.
//! Does not test what is reported: that goes the way of every other report.

use chrono::TimeDelta;
use taskwright_registry::{
    AttemptToken, CancelMode, CancelPolicy, HostRef, NewTask, Recovery, Rejection, State, Supersede, Task, TaskUpdate,
};
use taskwright_store::{ClaimRequest, Reaped, StoreError};

use crate::world::{World, stranger, to};

fn elsewhere(world: &World, mode: CancelMode) -> NewTask {
    let cancel_policy = CancelPolicy { mode, grace_ms: 1_000 };
    NewTask { recovery: Recovery::External, cancel_policy, ..world.new_task() }
}

async fn waiting(world: &World, mode: CancelMode) -> Task {
    world.store.create(elsewhere(world, mode)).await.unwrap().task
}

async fn taken_on(world: &World, task: &Task, by: &HostRef) -> Task {
    world.store.take_on(&task.session_id, &task.id, by, None).await.unwrap().task
}

// L51
async fn no_host_is_given_work_that_is_done_elsewhere(world: World) {
    let task = waiting(&world, CancelMode::External).await;
    assert_eq!(task.dispatch.due_at, None);
    let only = ClaimRequest { only: Some(task.id.clone()), ..world.request(1) };
    for request in [world.request(1), only] {
        assert_eq!(world.store.claim(&request).await.unwrap(), []);
    }
    assert!(world.store.backlog(&world.request(1).kinds).await.unwrap().iter().all(|kind| kind.due == 0));
    assert_eq!(world.store.next_due(&world.request(1).kinds, None).await.unwrap(), None);
}

// L52
async fn who_takes_work_elsewhere_on_gets_what_is_there_and_the_only_say(world: World) {
    let new = NewTask { spec: serde_json::json!({"url": "there"}), ..elsewhere(&world, CancelMode::External) };
    let task = world.store.create(new).await.unwrap().task;
    world.store.record_message(&world.session, &task.id, world.inbound("begin")).await.unwrap();
    let (first, second) = (world.host(71), world.host(72));
    let remote = Some("run-1".to_owned());
    let claimed = world.store.take_on(&world.session, &task.id, &first, remote.clone()).await.unwrap();
    assert_eq!((claimed.task.state, claimed.task.attempt, claimed.unread.len()), (State::Running, 1, 1));
    assert_eq!((&claimed.task.spec, &claimed.task.links.remote_task_id), (&task.spec, &remote));
    let token = AttemptToken::of(&claimed.task).unwrap();
    assert_eq!((&token.holder, token.fence), (&first, claimed.task.fence()));

    let earlier = claimed.task.clone();
    let fence = earlier.fence();
    world.store.mark_delivered(&world.session, &task.id, fence, &claimed.unread[0].id).await.unwrap();
    let again = world.store.take_on(&world.session, &task.id, &second, None).await.unwrap();
    assert_eq!((again.task.attempt, again.task.crashes, again.unread.len()), (2, 0, 1), "the message comes again");
    assert_eq!(again.task.links.remote_task_id, remote);
    let late = world.try_update(&earlier, to(&earlier, State::Succeeded)).await.unwrap_err();
    let (expected, actual) = (earlier.fence(), again.task.fence());
    assert_eq!(late, Rejection::Superseded { expected, actual }.into());
    let not_held = world.store.held_task(&first, &task.id).await.unwrap_err();
    assert_eq!(not_held, StoreError::NotHeld { host: first, id: task.id.clone() });
    assert_eq!(world.store.held_task(&second, &task.id).await.unwrap(), again.task);
    let done = world.update(&again.task, to(&again.task, State::Succeeded)).await;
    assert_eq!(AttemptToken::of(&done), None);
    let over = world.store.take_on(&world.session, &task.id, &second, None).await.unwrap_err();
    assert_eq!(over, Rejection::Terminal { state: State::Succeeded }.into());
}

// L52, L23
async fn what_hosts_run_and_what_is_foreign_cannot_be_taken_on(world: World) {
    let hosts = world.created().await;
    let by = world.host(71);
    let refused = world.store.take_on(&world.session, &hosts.id, &by, None).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Rejected(Rejection::Invalid { field, .. }) if field == "recovery"));
    let task = waiting(&world, CancelMode::External).await;
    let foreign = world.store.take_on(&stranger(), &task.id, &by, None).await.unwrap_err();
    assert_eq!(foreign, StoreError::NotFound { session: stranger(), id: task.id });
}

// L51
async fn work_elsewhere_is_not_ended_by_silence(world: World) {
    let task = taken_on(&world, &waiting(&world, CancelMode::External).await, &world.host(71)).await;
    world.lease_clock.advance(std::time::Duration::from_secs(1_000_000));
    world.clock.advance(1_000_000_000);
    assert_eq!(world.store.lapsed(0, 10).await.unwrap().tasks, []);
    assert_eq!(world.store.reap(&world.session, &task.id, 0).await.unwrap(), Reaped::Untouched);
    assert_eq!(world.store.external_overdue(10).await.unwrap(), []);
    assert_eq!(world.get(&task).await, task);
}

// L53
async fn a_cancel_of_work_elsewhere_waits_in_the_outbox_until_it_was_heard(world: World) {
    let silent = taken_on(&world, &waiting(&world, CancelMode::External).await, &world.host(70)).await;
    let mut tasks = Vec::new();
    for number in 71..74 {
        let task = waiting(&world, CancelMode::External).await;
        tasks.push(taken_on(&world, &task, &world.host(number)).await);
        world.store.request_cancel(&world.session, &task.id, Some("enough".to_owned())).await.unwrap();
    }
    let first = world.store.external_cancels(0, 2).await.unwrap();
    let rest = world.store.external_cancels(first.next.unwrap(), 2).await.unwrap();
    assert_eq!(rest.next, None);
    let all: Vec<_> = first.cancels.into_iter().chain(rest.cancels).collect();
    assert_eq!(
        all.iter().map(|wish| &wish.task_id).collect::<Vec<_>>(),
        tasks.iter().map(|task| &task.id).collect::<Vec<_>>()
    );
    assert_eq!(all[0].cancel.reason.as_deref(), Some("enough"));
    assert_eq!(all[0].token, AttemptToken::of(&tasks[0]));

    let told = |task: &Task| TaskUpdate { fence: Some(task.fence()), cancel_delivered: true, ..TaskUpdate::default() };
    world.update(&tasks[0], told(&tasks[0])).await;
    world.update(&tasks[1], to(&tasks[1], State::Canceled)).await;
    let left = async || {
        let page = world.store.external_cancels(0, 10).await.unwrap();
        page.cancels.into_iter().map(|wish| wish.task_id).collect::<Vec<_>>()
    };
    assert_eq!(left().await, [tasks[2].id.clone()]);
    taken_on(&world, &tasks[0], &world.host(80)).await;
    assert_eq!(left().await, [tasks[0].id.clone(), tasks[2].id.clone()], "the next holder has not heard");
    assert_eq!(world.get(&silent).await.cancel, None);
}

// L51, L20
async fn work_elsewhere_that_nobody_has_is_canceled_at_once(world: World) {
    let task = waiting(&world, CancelMode::External).await;
    let (canceled, _) = world.store.request_cancel(&world.session, &task.id, None).await.unwrap();
    assert_eq!(canceled.state, State::Canceled);
    assert_eq!(world.store.external_cancels(0, 10).await.unwrap().cancels, []);
}

// L51
async fn a_host_is_told_what_to_end_when_the_policy_lets_it(world: World) {
    let deadline = Some(world.store.now() + TimeDelta::milliseconds(5_000));
    let late = NewTask { deadline, ..elsewhere(&world, CancelMode::Abort) };
    let late = taken_on(&world, &world.store.create(late).await.unwrap().task, &world.host(70)).await;
    let mut canceled = Vec::new();
    for (number, mode) in [(71, CancelMode::Cooperative), (72, CancelMode::Abort), (73, CancelMode::External)] {
        let task = taken_on(&world, &waiting(&world, mode).await, &world.host(number)).await;
        world.store.request_cancel(&world.session, &task.id, None).await.unwrap();
        canceled.push(task);
    }
    let overdue = async || {
        let tasks = world.store.external_overdue(10).await.unwrap();
        tasks.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    };
    assert_eq!(overdue().await, [canceled[1].id.clone()], "there is no grace");
    world.clock.advance(1_000);
    assert_eq!(overdue().await, [canceled[1].id.clone(), canceled[0].id.clone()]);
    world.clock.advance(4_000);
    assert_eq!(world.store.external_overdue(1).await.unwrap(), [(world.session.clone(), canceled[1].id.clone())]);
    assert_eq!(overdue().await.last(), Some(&late.id));
    world.update(&canceled[1], to(&canceled[1], State::Canceled)).await;
    assert_eq!(overdue().await.len(), 2);
}

// L51
async fn what_no_host_could_keep_for_work_elsewhere_is_refused(world: World) {
    let base = elsewhere(&world, CancelMode::External);
    let deadline = Some(world.store.now());
    let odd = [
        ("max_attempts", NewTask { max_attempts: 2, ..base.clone() }),
        ("not_before", NewTask { not_before: deadline, ..base.clone() }),
        ("attempt_timeout_ms", NewTask { attempt_timeout_ms: Some(1), ..base.clone() }),
        ("deadline", NewTask { deadline, ..base }),
    ];
    for (wanted, new) in odd {
        let refused = world.store.create(new).await.unwrap_err();
        let StoreError::Rejected(Rejection::Invalid { field, .. }) = refused else { panic!("{refused}") };
        assert_eq!(field, wanted);
    }
    let task = taken_on(&world, &waiting(&world, CancelMode::External).await, &world.host(71)).await;
    let retry = TaskUpdate { supersede: Some(Supersede::Retry { at: task.created_at }), ..to(&task, State::Running) };
    assert!(matches!(world.try_update(&task, retry).await, Err(StoreError::Rejected(Rejection::Invalid { .. }))));
}

for_every_store!(
    no_host_is_given_work_that_is_done_elsewhere,
    who_takes_work_elsewhere_on_gets_what_is_there_and_the_only_say,
    what_hosts_run_and_what_is_foreign_cannot_be_taken_on,
    work_elsewhere_is_not_ended_by_silence,
    a_cancel_of_work_elsewhere_waits_in_the_outbox_until_it_was_heard,
    work_elsewhere_that_nobody_has_is_canceled_at_once,
    a_host_is_told_what_to_end_when_the_policy_lets_it,
    what_no_host_could_keep_for_work_elsewhere_is_refused,
);
