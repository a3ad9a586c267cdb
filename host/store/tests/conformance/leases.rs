//! Leases of hosts, and what becomes of the tasks of a host that has lost its own.
//! Does not wait: the clock of leases is the test's, and has nothing to do with the other.

use std::time::Duration;

use chrono::TimeDelta;
use taskwright_registry::{
    DispatchChange, HostRef, LeaseLength, NewTask, Recovery, State, Task, TaskUpdate, WakePolicy,
};
use taskwright_store::{ClaimRequest, Reaped, StoreError};

use crate::world::{World, detail, to};

const LIMIT: u32 = 20;

fn seconds(seconds: u64) -> LeaseLength {
    LeaseLength::new(Duration::from_secs(seconds)).unwrap()
}

/// A host of its own, that has just taken a lease.
async fn lively(world: &World, number: u8, length: u64) -> HostRef {
    let host = world.host(number);
    world.store.open_lease(&host, seconds(length)).await.unwrap();
    host
}

async fn claimed_by(world: &World, host: &HostRef, new: NewTask) -> Task {
    let task = world.store.create(new).await.unwrap().task;
    let request = ClaimRequest { host: host.clone(), only: Some(task.id), ..world.request(1) };
    world.store.claim(&request).await.unwrap().pop().unwrap().task
}

fn reattachable(world: &World) -> NewTask {
    NewTask { recovery: Recovery::Reattach, ..world.new_task() }
}

async fn reap(world: &World, task: &Task) -> Reaped {
    world.store.reap(&task.session_id, &task.id, LIMIT).await.unwrap()
}

async fn lapsed(world: &World) -> Vec<taskwright_registry::TaskId> {
    world.store.lapsed(0, 100).await.unwrap().tasks.into_iter().map(|(_, id)| id).collect()
}

fn lost(host: &HostRef) -> StoreError {
    StoreError::LeaseLost { host: host.clone() }
}

// L35
async fn a_host_without_a_lease_claims_nothing(world: World) {
    let task = world.created().await;
    let host = world.host(50);
    let request = ClaimRequest { host: host.clone(), ..world.request(1) };
    assert_eq!(world.store.claim(&request).await, Err(lost(&host)));
    world.store.open_lease(&host, seconds(2)).await.unwrap();
    world.lease_clock.advance(Duration::from_secs(2));
    assert_eq!(world.store.claim(&request).await, Err(lost(&host)), "it is over");
    world.store.renew_lease(&host).await.unwrap();
    assert_eq!(world.store.claim(&request).await.unwrap()[0].task.id, task.id);
    let none = ClaimRequest { limit: 0, host: world.host(51), ..request };
    assert_eq!(world.store.claim(&none).await, Err(lost(&world.host(51))), "a claim for nothing is one too");
}

// L37
async fn what_a_living_host_holds_cannot_be_taken(world: World) {
    let host = lively(&world, 50, 2).await;
    let task = claimed_by(&world, &host, reattachable(&world)).await;
    for _ in 0..3 {
        world.lease_clock.advance(Duration::from_millis(1_999));
        assert_eq!((lapsed(&world).await, reap(&world, &task).await), (vec![], Reaped::Untouched));
        world.store.renew_lease(&host).await.unwrap();
    }
    world.lease_clock.advance(Duration::from_secs(2));
    assert_eq!(lapsed(&world).await, [task.id]);
}

// L36, L5
async fn a_lost_hosts_task_starts_again_with_all_it_had(world: World) {
    let host = lively(&world, 50, 2).await;
    let task = claimed_by(&world, &host, reattachable(&world)).await;
    let kept = TaskUpdate { checkpoint: Some(b"so far".to_vec()), fence: Some(task.fence()), ..TaskUpdate::default() };
    world.update(&task, kept).await;
    let task = world.update(&task, world.question(&task, "which?")).await;
    world.store.record_message(&world.session, &task.id, world.inbound("by the way")).await.unwrap();
    let task = world.get(&task).await;
    world.lease_clock.advance(Duration::from_secs(2));
    let Reaped::Reattached(after) = reap(&world, &task).await else { panic!("it was not taken over") };
    assert_eq!(after.spec, task.spec);
    assert_eq!((after.state, after.attempt, after.crashes, after.retries), (State::AwaitingInput, 2, 1, 0));
    assert_eq!((&after.input_request, after.dispatch.due_at), (&task.input_request, Some(world.store.now())));
    let late = world.try_update(&task, detail(&task, "I still live")).await;
    assert!(matches!(late, Err(StoreError::Rejected(taskwright_registry::Rejection::Superseded { .. }))), "{late:?}");
    let claimed = world.claim(&after).await;
    assert_eq!((claimed.checkpoint.as_deref(), claimed.resumed), (Some(&b"so far"[..]), false));
    assert_eq!(claimed.unread.len(), 1);
}

// L36, L18
async fn a_task_that_is_bound_to_its_host_ends_with_it(world: World) {
    let policies = [(WakePolicy::Silent, 0), (WakePolicy::OnTerminal, 1), (WakePolicy::OnActivity, 1)];
    for (number, (policy, wakes)) in (50..).zip(policies) {
        let host = lively(&world, number, 2).await;
        let task = claimed_by(&world, &host, NewTask { wake_policy: policy, ..world.new_task() }).await;
        world.lease_clock.advance(Duration::from_secs(2));
        let Reaped::Ended(after) = reap(&world, &task).await else { panic!("it was not ended") };
        let error = after.error.as_ref().unwrap();
        assert_eq!((after.state, error.kind.as_str(), after.attempt), (State::Failed, "orphaned", 1));
        assert!(error.message.contains(host.id.as_str()), "{}", error.message);
        let told = world.store.wakes(&world.session, 10).await.unwrap();
        assert_eq!(told.iter().filter(|wake| wake.task_id == task.id).count(), wakes, "{policy:?}");
        let listed = world.store.list(&world.session, &taskwright_store::TaskQuery::default()).await.unwrap();
        assert!(listed.tasks.contains(&after), "it is there for whoever looks");
    }
}

// L36, L17
async fn a_task_that_the_session_no_longer_wanted_is_canceled_by_the_loss(world: World) {
    let host = lively(&world, 50, 2).await;
    let task = claimed_by(&world, &host, world.new_task()).await;
    world.store.request_cancel(&world.session, &task.id, None).await.unwrap();
    world.lease_clock.advance(Duration::from_secs(2));
    let Reaped::Ended(after) = reap(&world, &task).await else { panic!("it was not ended") };
    assert_eq!((after.state, after.error.unwrap().kind.as_str()), (State::Canceled, "orphaned"));
}

// L36: a task that takes its hosts down with it is not started for ever.
async fn a_task_that_has_cost_too_many_hosts_is_not_started_again(world: World) {
    let new = NewTask { max_attempts: 5, ..reattachable(&world) };
    let mut task = world.store.create(new).await.unwrap().task;
    for number in 0..3 {
        let host = lively(&world, 50 + number, 2).await;
        let request = ClaimRequest { host, ..world.request(1) };
        task = world.store.claim(&request).await.unwrap().pop().unwrap().task;
        world.lease_clock.advance(Duration::from_secs(2));
        let reaped = world.store.reap(&world.session, &task.id, 2).await.unwrap();
        task = world.get(&task).await;
        assert_eq!(matches!(reaped, Reaped::Reattached(_)), number < 2, "loss {number}");
    }
    assert_eq!((task.state, task.crashes, task.retries), (State::Failed, 2, 0));
}

// L36, L16, L5: a one-shot timer was lost between the moment at which it fired and what it was set for.
async fn a_timer_that_fired_right_before_its_host_was_lost_fires_again(world: World) {
    let host = lively(&world, 50, 2).await;
    let task = claimed_by(&world, &host, reattachable(&world)).await;
    let set = TaskUpdate {
        fence: Some(task.fence()),
        checkpoint: Some(b"look at noon".to_vec()),
        dispatch: Some(DispatchChange::Hibernate {
            until: Some(world.store.now() + TimeDelta::seconds(1)),
            ignored: 0,
        }),
        ..TaskUpdate::default()
    };
    world.update(&task, set).await;
    world.clock.advance(1_000);
    let request = ClaimRequest { host, ..world.request(1) };
    let fired = world.store.claim(&request).await.unwrap().pop().expect("the timer is due");
    assert!(fired.resumed);
    world.lease_clock.advance(Duration::from_secs(2));
    let Reaped::Reattached(after) = reap(&world, &fired.task).await else { panic!("it was not taken over") };
    assert_eq!((after.state, after.dispatch.due_at), (State::Running, Some(world.store.now())));
    let again = world.claim(&after).await;
    assert_eq!((again.task.attempt, again.checkpoint.as_deref()), (2, Some(&b"look at noon"[..])));
    let late = world.try_update(&fired.task, to(&fired.task, State::Succeeded)).await;
    assert!(matches!(late, Err(StoreError::Rejected(taskwright_registry::Rejection::Superseded { .. }))), "{late:?}");
    world.update(&again.task, to(&again.task, State::Succeeded)).await;
}

// L37
async fn a_lease_that_is_over_can_be_renewed_until_it_is_taken(world: World) {
    let host = lively(&world, 50, 2).await;
    let first = claimed_by(&world, &host, reattachable(&world)).await;
    let second = claimed_by(&world, &host, reattachable(&world)).await;
    world.lease_clock.advance(Duration::from_secs(100));
    world.store.renew_lease(&host).await.unwrap();
    assert_eq!(reap(&world, &first).await, Reaped::Untouched, "nothing has happened in between");
    world.lease_clock.advance(Duration::from_secs(2));
    assert!(matches!(reap(&world, &first).await, Reaped::Reattached(_)));
    assert_eq!(world.store.renew_lease(&host).await, Err(lost(&host)));
    let request = ClaimRequest { host: host.clone(), ..world.request(1) };
    assert_eq!(world.store.claim(&request).await, Err(lost(&host)));
    assert!(matches!(reap(&world, &second).await, Reaped::Reattached(_)), "what it still had goes with it");
}

// L37
async fn an_epoch_that_is_over_never_comes_back(world: World) {
    let first = lively(&world, 50, 2).await;
    let task = claimed_by(&world, &first, reattachable(&world)).await;
    let again = world.store.open_lease(&first, seconds(2)).await;
    assert_eq!(again.unwrap().host, first, "a call whose reply was lost finds what it made");
    assert_eq!(world.store.open_lease(&first, seconds(5)).await, Err(lost(&first)), "another call does not");
    let second = HostRef { epoch: 2, ..first.clone() };
    world.store.open_lease(&second, seconds(2)).await.unwrap();
    assert_eq!(world.store.renew_lease(&first).await, Err(lost(&first)));
    assert_eq!(world.store.open_lease(&first, seconds(2)).await, Err(lost(&first)));
    assert_eq!(
        lapsed(&world).await,
        std::slice::from_ref(&task.id),
        "what the earlier epoch held can be taken at once"
    );
    assert!(matches!(reap(&world, &task).await, Reaped::Reattached(_)));
    world.store.renew_lease(&second).await.unwrap();
}

// L37
async fn a_closed_lease_frees_what_is_left_at_once(world: World) {
    let host = lively(&world, 50, 600).await;
    let task = claimed_by(&world, &host, reattachable(&world)).await;
    let before = world.store.hosts().await.unwrap().len();
    world.store.close_lease(&host).await.unwrap();
    world.store.close_lease(&host).await.unwrap();
    world.store.close_lease(&world.host(99)).await.unwrap();
    assert_eq!(world.store.renew_lease(&host).await, Err(lost(&host)));
    assert_eq!(lapsed(&world).await, std::slice::from_ref(&task.id));
    assert!(matches!(reap(&world, &task).await, Reaped::Reattached(_)));
    assert_eq!(world.store.sweep_leases().await, Ok(1));
    assert_eq!(world.store.hosts().await.unwrap().len(), before - 1);
    let idle = lively(&world, 51, 600).await;
    world.store.close_lease(&idle).await.unwrap();
    assert_eq!(world.store.hosts().await.unwrap().len(), before - 1, "nothing is left of one that held nothing");
}

// L37
async fn a_machine_that_starts_anew_has_no_hosts(world: World) {
    let host = lively(&world, 50, 600).await;
    let task = claimed_by(&world, &host, reattachable(&world)).await;
    world.lease_clock.advance(Duration::from_secs(1));
    world.lease_clock.reboot();
    assert_eq!(world.store.renew_lease(&host).await, Err(lost(&host)));
    assert_eq!(lapsed(&world).await, std::slice::from_ref(&task.id));
    assert!(matches!(reap(&world, &task).await, Reaped::Reattached(_)));
}

// L37: host clocks that jump by hours change nothing.
async fn the_time_of_day_has_no_say_about_leases(world: World) {
    let host = lively(&world, 50, 2).await;
    let task = claimed_by(&world, &host, reattachable(&world)).await;
    for hours in [-5, 30, -100] {
        world.clock.advance(hours * 3_600_000);
        assert_eq!((lapsed(&world).await, reap(&world, &task).await), (vec![], Reaped::Untouched));
        world.store.renew_lease(&host).await.unwrap();
        world.lease_clock.advance(Duration::from_millis(1_500));
    }
    assert_eq!(world.get(&task).await.attempt, 1);
    world.clock.advance(-3_600_000);
    world.lease_clock.advance(Duration::from_millis(500));
    assert_eq!(lapsed(&world).await, [task.id], "nor does it save one");
}

// L36
async fn what_a_dead_host_does_not_hold_is_left_alone(world: World) {
    let host = lively(&world, 50, 2).await;
    let queued = world.created().await;
    let over = claimed_by(&world, &host, world.new_task()).await;
    let over = world.update(&over, to(&over, State::Succeeded)).await;
    let released = claimed_by(&world, &host, world.new_task()).await;
    let away = taskwright_registry::DispatchChange::Hibernate { until: None, ignored: 0 };
    let asleep = TaskUpdate { fence: Some(released.fence()), dispatch: Some(away), ..TaskUpdate::default() };
    let asleep = world.update(&released, asleep).await;
    world.lease_clock.advance(Duration::from_secs(2));
    assert_eq!(lapsed(&world).await, []);
    for task in [&queued, &over, &asleep] {
        assert_eq!(reap(&world, task).await, Reaped::Untouched);
        assert_eq!(world.get(task).await, *task);
    }
    let stranger = crate::world::stranger();
    let foreign = world.store.reap(&stranger, &queued.id, LIMIT).await;
    assert!(matches!(foreign, Err(StoreError::NotFound { .. })));
}

// L36
async fn many_reapers_take_each_task_once(world: World) {
    let host = lively(&world, 50, 2).await;
    for _ in 0..20 {
        claimed_by(&world, &host, reattachable(&world)).await;
    }
    world.lease_clock.advance(Duration::from_secs(2));
    let found = world.store.lapsed(0, 100).await.unwrap().tasks;
    assert_eq!(found.len(), 20);
    let all = (0..8).flat_map(|_| found.clone()).map(|(session, id)| {
        let store = world.store.clone();
        tokio::spawn(async move { store.reap(&session, &id, LIMIT).await.unwrap() })
    });
    let mut taken = 0;
    for reaped in all.collect::<Vec<_>>() {
        taken += usize::from(matches!(reaped.await.unwrap(), Reaped::Reattached(_)));
    }
    assert_eq!(taken, 20);
    for (session, id) in found {
        assert_eq!(world.store.get(&session, &id).await.unwrap().attempt, 2);
    }
}

// L36
async fn what_lapsed_comes_in_pages_and_of_all_dead_hosts(world: World) {
    let (first, second) = (lively(&world, 50, 2).await, lively(&world, 51, 3).await);
    let living = lively(&world, 52, 600).await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let host = if number % 2 == 0 { &first } else { &second };
        expected.push(claimed_by(&world, host, reattachable(&world)).await.id);
        claimed_by(&world, &living, reattachable(&world)).await;
    }
    world.lease_clock.advance(Duration::from_secs(3));
    let (mut found, mut after, mut pages) = (Vec::new(), Some(0), 0);
    while let Some(from) = after {
        let page = world.store.lapsed(from, 3).await.unwrap();
        assert!(page.tasks.len() <= 3);
        found.extend(page.tasks.into_iter().map(|(_, id)| id));
        (after, pages) = (page.next, pages + 1);
    }
    assert_eq!((found, pages), (expected, 3));
}

// L37
async fn hosts_are_listed_with_what_they_hold(world: World) {
    let host = lively(&world, 50, 2).await;
    claimed_by(&world, &host, reattachable(&world)).await;
    let opened = world.store.now();
    world.clock.advance(700);
    world.store.renew_lease(&host).await.unwrap();
    let of = async |host: &HostRef| {
        let all = world.store.hosts().await.unwrap();
        all.into_iter().find(|status| status.host == *host)
    };
    let status = of(&host).await.unwrap();
    assert_eq!((status.alive, status.resident, status.length), (true, 1, seconds(2)));
    assert_eq!((status.opened_at, status.renewed_at), (opened, opened + TimeDelta::milliseconds(700)));
    world.lease_clock.advance(Duration::from_secs(2));
    let status = of(&host).await.unwrap();
    assert_eq!((status.alive, status.resident), (false, 1));
    assert_eq!(world.store.sweep_leases().await, Ok(0), "it has left something behind");
}

for_every_store!(
    a_host_without_a_lease_claims_nothing,
    what_a_living_host_holds_cannot_be_taken,
    a_lost_hosts_task_starts_again_with_all_it_had,
    a_task_that_is_bound_to_its_host_ends_with_it,
    a_task_that_the_session_no_longer_wanted_is_canceled_by_the_loss,
    a_task_that_has_cost_too_many_hosts_is_not_started_again,
    a_timer_that_fired_right_before_its_host_was_lost_fires_again,
    a_lease_that_is_over_can_be_renewed_until_it_is_taken,
    an_epoch_that_is_over_never_comes_back,
    a_closed_lease_frees_what_is_left_at_once,
    a_machine_that_starts_anew_has_no_hosts,
    the_time_of_day_has_no_say_about_leases,
    what_a_dead_host_does_not_hold_is_left_alone,
    many_reapers_take_each_task_once,
    what_lapsed_comes_in_pages_and_of_all_dead_hosts,
    hosts_are_listed_with_what_they_hold,
);
