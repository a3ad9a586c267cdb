//! Claiming due tasks.
//! Does not test leases: `leases` does, and here every host has one.

use chrono::TimeDelta;
use taskwright_registry::{DispatchChange, NewTask, Phase, State, Task, TaskUpdate};
use taskwright_store::{ClaimRequest, CodeInUse, KindOffer};

use crate::world::{KIND, World, stranger, to};

// L6, L8, L27, L30
async fn a_claim_starts_a_queued_task(world: World) {
    let task = world.created().await;
    let claimed = world.store.claim(&world.request(1)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let now = &claimed[0].task;
    assert_eq!((now.state, now.dispatch.phase, now.dispatch.claim), (State::Running, Phase::Resident, 1));
    assert_eq!((now.dispatch.host.as_ref(), now.dispatch.due_at), (Some(&world.host(1)), None));
    assert_eq!((now.started_at, now.spec == task.spec), (Some(world.store.now()), true));
    assert!(!claimed[0].resumed && claimed[0].checkpoint.is_none() && claimed[0].unread.is_empty());
    assert_eq!(world.get(&task).await, *now);
}

// L30
async fn nothing_is_claimed_twice(world: World) {
    world.created().await;
    assert_eq!(world.store.claim(&world.request(1)).await.unwrap().len(), 1);
    assert!(world.store.claim(&world.request(2)).await.unwrap().is_empty());
    assert!(world.store.claim(&world.request(1)).await.unwrap().is_empty());
}

// L30
async fn only_what_is_due_and_of_a_wanted_kind_is_claimed(world: World) {
    let now = world.store.now();
    let later = NewTask { not_before: Some(now + TimeDelta::milliseconds(500)), ..world.new_task() };
    let later = world.store.create(later).await.unwrap().task;
    world.store.create(NewTask { kind: "other".to_owned(), ..world.new_task() }).await.unwrap();
    assert!(world.store.claim(&world.request(1)).await.unwrap().is_empty());
    assert_eq!(world.store.next_due(&[KIND.into()], None).await, Ok(later.dispatch.due_at));
    assert_eq!(world.store.next_due(&[KIND.into(), "other".into()], None).await, Ok(Some(now)));
    assert_eq!(world.store.next_due(&["unknown".into()], None).await, Ok(None));
    assert_eq!(world.store.next_due(&[], None).await, Ok(None));
    world.clock.advance(499);
    assert!(world.store.claim(&world.request(1)).await.unwrap().is_empty());
    world.clock.advance(1);
    assert_eq!(world.store.claim(&world.request(1)).await.unwrap()[0].task.id, later.id);
    assert_eq!(world.store.next_due(&[KIND.into()], None).await, Ok(None));
}

fn fenced(task: &Task, dispatch: Option<DispatchChange>) -> TaskUpdate {
    TaskUpdate { fence: Some(task.fence()), dispatch, ..TaskUpdate::default() }
}

// L16, L27, L30: whatever is wanted at once, and by whom.
async fn what_is_wanted_at_once_is_due_by_every_clock(world: World) {
    let hour = 3_600_000;
    let now = world.store.now();
    let tomorrow = NewTask { not_before: Some(now + TimeDelta::days(1)), ..world.new_task() };
    let tomorrow = world.store.create(tomorrow).await.unwrap().task;
    let asleep = world.running().await;
    let dispatch = Some(DispatchChange::Hibernate { until: Some(now + TimeDelta::days(1)), ignored: 0 });
    world.store.update(&world.session, &asleep.id, fenced(&asleep, dispatch)).await.unwrap();
    let at_work = world.running().await;
    // A host whose clock is an hour ahead creates a task, wakes one, and gives one back.
    world.clock.advance(hour);
    let created = world.created().await;
    let (woken, _) = world.store.request_cancel(&world.session, &asleep.id, None).await.unwrap();
    let dispatch = Some(DispatchChange::Release);
    let given_back = fenced(&at_work, dispatch);
    let given_back = world.store.update(&world.session, &at_work.id, given_back).await.unwrap();
    assert!([&created, &woken, &given_back].iter().all(|task| task.dispatch.due_at_once));
    world.clock.advance(-hour);
    let backlog = world.store.backlog(&[KIND.into()]).await.unwrap();
    assert_eq!((backlog[0].due, backlog[0].oldest), (3, created.dispatch.due_at));
    assert_eq!(world.store.next_due(&[KIND.into()], None).await, Ok(created.dispatch.due_at));
    let only = ClaimRequest::only(world.host(1), vec![KIND.into()], created.id.clone());
    assert_eq!(world.store.claim(&only).await.unwrap().len(), 1);
    let mut claimed: Vec<_> =
        world.store.claim(&world.request(1)).await.unwrap().into_iter().map(|claimed| claimed.task.id).collect();
    claimed.sort();
    assert_eq!(claimed, [asleep.id, at_work.id], "the appointment is none of them");
    assert_eq!(world.store.next_due(&[KIND.into()], None).await, Ok(tomorrow.dispatch.due_at));
}

// L30, L57
async fn an_appointment_waits_no_longer_than_what_is_due_at_once(world: World) {
    let mut expected = Vec::new();
    for number in 0..6 {
        let now = world.store.now();
        let not_before = (number % 2 == 0).then(|| now + TimeDelta::milliseconds(5));
        expected.push(world.store.create(NewTask { not_before, ..world.new_task() }).await.unwrap().task.id);
        world.clock.advance(10);
    }
    let request = ClaimRequest { limit: 1, ..world.request(1) };
    for id in expected {
        assert_eq!(world.store.claim(&request).await.unwrap()[0].task.id, id);
    }
}

// L30
async fn the_longest_due_comes_first_and_no_more_than_wanted(world: World) {
    let mut ids = Vec::new();
    for delay in [30, 10, 20, 40] {
        let not_before = Some(world.store.now() + TimeDelta::milliseconds(delay));
        let kind = if delay == 20 { "second" } else { KIND }.to_owned();
        let new = NewTask { not_before, kind, ..world.new_task() };
        ids.push((delay, world.store.create(new).await.unwrap().task.id));
    }
    ids.sort();
    world.clock.advance(100);
    let kinds = vec![KIND.into(), "second".into()];
    let request = ClaimRequest { limit: 3, kinds, ..world.request(1) };
    let claimed = world.store.claim(&request).await.unwrap();
    let claimed: Vec<_> = claimed.into_iter().map(|claim| claim.task.id).collect();
    assert_eq!(claimed, ids[..3].iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
    assert!(world.store.claim(&ClaimRequest { limit: 0, ..request }).await.unwrap().is_empty());
}

// L30
async fn a_claim_for_one_task_takes_no_other(world: World) {
    let (first, second) = (world.created().await, world.created().await);
    let only = ClaimRequest { only: Some(second.id.clone()), ..world.request(1) };
    let wrong_kind = ClaimRequest { kinds: vec!["other".into()], ..only.clone() };
    assert!(world.store.claim(&wrong_kind).await.unwrap().is_empty());
    let claimed = world.store.claim(&only).await.unwrap();
    assert_eq!(claimed.iter().map(|claim| &claim.task.id).collect::<Vec<_>>(), [&second.id]);
    assert!(world.store.claim(&only).await.unwrap().is_empty());
    let unknown = ClaimRequest { only: Some(world.task_id()), ..world.request(1) };
    assert!(world.store.claim(&unknown).await.unwrap().is_empty());
    assert_eq!(world.get(&first).await, first);
}

// L30
async fn tasks_of_all_sessions_are_claimed(world: World) {
    world.created().await;
    world.store.create(NewTask { session_id: stranger(), ..world.new_task() }).await.unwrap();
    assert_eq!(world.store.claim(&world.request(1)).await.unwrap().len(), 2);
}

// L6, L27
async fn a_hibernating_task_comes_back_with_its_checkpoint(world: World) {
    let task = world.running().await;
    let until = world.store.now() + TimeDelta::milliseconds(100);
    let away = TaskUpdate {
        fence: Some(task.fence()),
        checkpoint: Some(b"here".to_vec()),
        dispatch: Some(DispatchChange::Hibernate { until: Some(until), ignored: 0 }),
        ..TaskUpdate::default()
    };
    let asleep = world.update(&task, away).await;
    assert_eq!((asleep.dispatch.phase, &asleep.dispatch.host), (Phase::Hibernating, &None));
    assert_eq!(asleep.state, State::Running);
    assert!(world.store.claim(&world.request(2)).await.unwrap().is_empty());
    world.clock.advance(100);
    let claimed = world.store.claim(&world.request(2)).await.unwrap().pop().unwrap();
    assert!(claimed.resumed);
    assert_eq!(claimed.checkpoint.as_deref(), Some(&b"here"[..]));
    assert_eq!((claimed.task.attempt, claimed.task.dispatch.claim), (1, 2));
}

// L27
async fn a_host_finds_what_it_holds(world: World) {
    let (first, second, third) = (world.created().await, world.created().await, world.created().await);
    let first = world.claim(&first).await;
    let second = world.claim(&second).await;
    world.store.record_message(&world.session, &second.task.id, world.inbound("hi")).await.unwrap();
    let other = ClaimRequest { only: Some(third.id.clone()), ..world.request(2) };
    world.store.claim(&other).await.unwrap();
    let held = world.store.held_by(&world.host(1)).await.unwrap();
    assert_eq!(held.len(), 2);
    assert_eq!(held[0], first);
    assert_eq!((held[1].task.id.clone(), held[1].unread.len()), (second.task.id.clone(), 1));
    world.update(&first.task, to(&first.task, State::Succeeded)).await;
    let release = TaskUpdate { dispatch: Some(DispatchChange::Release), ..TaskUpdate::default() };
    world.update(&second.task, release).await;
    assert_eq!(world.store.held_by(&world.host(1)).await, Ok(Vec::new()));
    assert_eq!(world.store.held_by(&world.host(2)).await.unwrap().len(), 1);
    let next_boot = taskwright_registry::HostRef { epoch: 2, ..world.host(2) };
    assert_eq!(world.store.held_by(&next_boot).await, Ok(Vec::new()));
}

// L6, L27: held_by must tell `start` from `reconcile`, as the claim did.
async fn a_host_finds_whether_it_resumed(world: World) {
    let task = world.running().await;
    let now = world.store.now();
    let asleep = TaskUpdate {
        dispatch: Some(DispatchChange::Hibernate { until: Some(now), ignored: 0 }),
        ..TaskUpdate::default()
    };
    world.update(&task, asleep).await;
    let claimed = world.claim(&task).await;
    assert!(claimed.resumed);
    assert_eq!(world.store.held_by(&world.host(1)).await, Ok(vec![claimed]));
}

/// What a host offers of the kind: tasks that have not begun get `newest`.
fn offer(newest: &str, older: &[&str]) -> KindOffer {
    let older = older.iter().map(|code| (*code).to_owned()).collect();
    KindOffer { newest: Some(newest.to_owned()), older, ..KindOffer::from(KIND) }
}

// L43
async fn a_task_goes_on_with_the_code_that_it_began_with(world: World) {
    let task = world.created().await;
    let claim = async |offer: KindOffer| {
        let request = ClaimRequest { kinds: vec![offer], ..world.request(1) };
        world.store.claim(&request).await.unwrap().pop().map(|claimed| claimed.task.dispatch.code)
    };
    assert_eq!(claim(offer("one", &["zero"])).await, Some(Some("one".to_owned())));
    let back = TaskUpdate { dispatch: Some(DispatchChange::Release), ..TaskUpdate::default() };
    world.update(&task, back.clone()).await;
    assert_eq!(claim(offer("two", &[])).await, None);
    assert_eq!(claim(KIND.into()).await, None, "code without a digest is other code");
    assert_eq!(
        world.store.next_due(&[offer("two", &[])], None).await,
        Ok(None),
        "what cannot be claimed is not waited for"
    );
    let only = ClaimRequest { only: Some(task.id.clone()), kinds: vec![offer("two", &[])], ..world.request(1) };
    assert!(world.store.claim(&only).await.unwrap().is_empty());
    assert_eq!(claim(offer("two", &["one"])).await, Some(Some("one".to_owned())));
    world.update(&task, back).await;
    let none_begins = KindOffer { begins: false, ..offer("one", &[]) };
    assert!(world.store.next_due(std::slice::from_ref(&none_begins), None).await.unwrap().is_some());
    world.created().await;
    assert_eq!(claim(none_begins.clone()).await, Some(Some("one".to_owned())));
    assert_eq!(claim(none_begins).await, None, "a task that has not begun was handed out");
}

// L43: what a host cannot run must not be in the way of what it can.
async fn tasks_of_other_code_hold_up_none_behind_them(world: World) {
    for _ in 0..5 {
        world.created().await;
    }
    let old = ClaimRequest { kinds: vec![offer("old", &[])], ..world.request(1) };
    let back = TaskUpdate { dispatch: Some(DispatchChange::Release), ..TaskUpdate::default() };
    for claimed in world.store.claim(&old).await.unwrap() {
        world.update(&claimed.task, back.clone()).await;
    }
    let fresh = world.created().await;
    let new = ClaimRequest { kinds: vec![offer("new", &[])], limit: 1, ..world.request(1) };
    assert_eq!(world.store.claim(&new).await.unwrap().pop().unwrap().task.id, fresh.id);
}

// L43
async fn a_store_says_which_code_live_tasks_need(world: World) {
    assert_eq!(world.store.code_in_use().await, Ok(Vec::new()));
    let task = world.created().await;
    let in_use = |code: Option<&str>, tasks| CodeInUse { kind: KIND.to_owned(), code: code.map(str::to_owned), tasks };
    assert_eq!(world.store.code_in_use().await, Ok(vec![in_use(None, 1)]));
    let request = ClaimRequest { kinds: vec![offer("one", &[])], ..world.request(1) };
    let task = world.store.claim(&ClaimRequest { only: Some(task.id), ..request }).await.unwrap().pop().unwrap().task;
    world.store.create(NewTask { session_id: stranger(), ..world.new_task() }).await.unwrap();
    assert_eq!(world.store.code_in_use().await, Ok(vec![in_use(None, 1), in_use(Some("one"), 1)]));
    world.update(&task, to(&task, State::Succeeded)).await;
    assert_eq!(world.store.code_in_use().await, Ok(vec![in_use(None, 1)]));
}

for_every_store!(
    a_claim_starts_a_queued_task,
    nothing_is_claimed_twice,
    only_what_is_due_and_of_a_wanted_kind_is_claimed,
    the_longest_due_comes_first_and_no_more_than_wanted,
    what_is_wanted_at_once_is_due_by_every_clock,
    an_appointment_waits_no_longer_than_what_is_due_at_once,
    a_claim_for_one_task_takes_no_other,
    tasks_of_all_sessions_are_claimed,
    a_hibernating_task_comes_back_with_its_checkpoint,
    a_host_finds_what_it_holds,
    a_host_finds_whether_it_resumed,
    a_task_goes_on_with_the_code_that_it_began_with,
    tasks_of_other_code_hold_up_none_behind_them,
    a_store_says_which_code_live_tasks_need,
);
