//! How what is due is shared out between sessions.
//! Does not test who may claim: `claim` and `leases` do.

use std::collections::HashMap;

use taskwright_registry::{NewTask, Priority, SessionId, State, TaskId};
use taskwright_store::{ClaimRequest, Claimed, SharedLimits, TaskFilter, TaskQuery, Turns};

use crate::world::{KIND, World, to};

fn session(number: usize) -> SessionId {
    format!("session-{number}").parse().expect("a session id")
}

async fn create(world: &World, number: usize, tasks: usize) {
    for _ in 0..tasks {
        let new = NewTask { session_id: session(number), ..world.new_task() };
        world.store.create(new).await.expect("creation");
    }
}

/// The sessions that a claim serves, in order.
async fn served(world: &World, limit: usize, turns: Turns) -> Vec<SessionId> {
    let request = ClaimRequest { limit, turns, ..world.request(1) };
    let claimed = world.store.claim(&request).await.expect("a claim");
    claimed.into_iter().map(|claimed| claimed.task.session_id).collect()
}

// L30
async fn a_session_with_many_tasks_does_not_keep_another_from_its_turn(world: World) {
    create(&world, 1, 200).await;
    create(&world, 2, 1).await;
    create(&world, 3, 1).await;
    let served = served(&world, 4, Turns::default()).await;
    assert_eq!(served, [1, 2, 3, 1].map(session), "although the first has waited longest with all of its");
}

// L30
async fn the_session_behind_the_one_that_was_served_last_comes_first(world: World) {
    for number in 1..=4 {
        create(&world, number, 50).await;
    }
    let mut after = None;
    let mut all = Vec::new();
    for _ in 0..4 {
        let turns = Turns { after: after.clone(), ..Turns::default() };
        let served = served(&world, 3, turns).await;
        after = served.last().cloned();
        all.extend(served);
    }
    assert_eq!(all, [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4].map(session));
}

// L30
async fn a_session_without_room_gets_nothing_and_the_others_do(world: World) {
    create(&world, 1, 100).await;
    create(&world, 2, 5).await;
    create(&world, 3, 5).await;
    let room: HashMap<_, _> = [(session(1), 0), (session(2), 1)].into();
    let first = served(&world, 6, Turns { room: room.clone(), most: 2, ..Turns::default() }).await;
    assert_eq!(first, [2, 3, 3].map(session), "one of the second, two of any other");
    let wide = served(&world, 200, Turns::default()).await;
    assert_eq!(wide.len(), 107, "nothing was lost");
}

// L30
async fn what_is_due_later_is_found_behind_what_nobody_may_take_now(world: World) {
    create(&world, 1, 1).await;
    let now = world.store.now();
    let later = now + chrono::TimeDelta::milliseconds(700);
    let new = NewTask { session_id: session(2), not_before: Some(later), ..world.new_task() };
    world.store.create(new).await.expect("creation");
    let kinds = world.request(1).kinds;
    assert_eq!(world.store.next_due(&kinds, None).await, Ok(Some(now)));
    assert_eq!(world.store.next_due(&kinds, Some(now)).await, Ok(Some(later)));
    assert_eq!(world.store.next_due(&kinds, Some(later)).await, Ok(None));
}

/// The tasks that a claim hands out, in order.
async fn claimed(world: &World, request: &ClaimRequest) -> Vec<TaskId> {
    let claimed = world.store.claim(request).await.expect("a claim");
    claimed.into_iter().map(|claimed| claimed.task.id).collect()
}

/// A task of a session that nobody has claimed.
async fn queued_in(world: &World, session: &SessionId) -> TaskId {
    let filter = TaskFilter { states: vec![State::Queued], ..TaskFilter::all() };
    let query = TaskQuery { filter, limit: 1, ..TaskQuery::default() };
    world.store.list(session, &query).await.expect("a list").tasks.remove(0).id
}

// L57
async fn of_a_session_what_has_a_higher_priority_is_claimed_first(world: World) {
    let mut ids = Vec::new();
    // More than a claim looks at, so that it has to go from session to session.
    for number in 0..60 {
        let priority = Priority::ALL[(number + 1) % 3];
        let new = NewTask { session_id: session(1), priority, ..world.new_task() };
        ids.push((priority, number, world.store.create(new).await.expect("creation").task.id));
    }
    create(&world, 2, 1).await;
    ids.sort();
    let request = ClaimRequest { limit: 5, ..world.request(1) };
    let first = claimed(&world, &request).await;
    let expected: Vec<TaskId> = ids.iter().map(|(_, _, id)| id.clone()).collect();
    assert_eq!((&first[0], &first[2..]), (&expected[0], &expected[1..4]), "and the second session had its turn");
    let rest = claimed(&world, &world.request(1)).await;
    assert_eq!(rest, expected[4..], "when all are looked at");
}

// L57
async fn what_is_due_later_does_not_hide_what_is_due_now_whatever_its_priority(world: World) {
    let later = world.store.now() + chrono::TimeDelta::seconds(60);
    for _ in 0..30 {
        let new = NewTask { not_before: Some(later), priority: Priority::High, ..world.new_task() };
        world.store.create(new).await.expect("creation");
    }
    let low = NewTask { priority: Priority::Low, ..world.new_task() };
    let low = world.store.create(low).await.expect("creation").task;
    let request = ClaimRequest { limit: 1, ..world.request(1) };
    assert_eq!(claimed(&world, &request).await, [low.id]);
}

// L58
async fn a_limit_of_a_session_holds_for_all_hosts_together(world: World) {
    create(&world, 1, 10).await;
    create(&world, 2, 2).await;
    let shared = SharedLimits { session: Some(3), ..SharedLimits::default() };
    let request = |host| ClaimRequest { limit: 4, shared: shared.clone(), ..world.request(host) };
    let first = world.store.claim(&request(1)).await.expect("a claim");
    let of = |number, claimed: &[Claimed]| claimed.iter().filter(|c| c.task.session_id == session(number)).count();
    assert_eq!((of(1, &first), of(2, &first)), (2, 2));
    let second = world.store.claim(&request(2)).await.expect("a claim");
    assert_eq!((of(1, &second), second.len()), (1, 1), "the third of the first session");
    assert!(world.store.claim(&request(1)).await.expect("a claim").is_empty());
    let only = ClaimRequest { only: Some(queued_in(&world, &session(1)).await), ..request(2) };
    assert!(world.store.claim(&only).await.expect("a claim").is_empty(), "nor by its id");
    // One that awaits input leaves its place, and so does one that ends.
    let asks = world.question(&first[0].task, "Go on?");
    assert_eq!(first[0].task.session_id, session(1));
    assert_eq!(world.update(&first[0].task, asks).await.state, State::AwaitingInput);
    assert_eq!(world.store.claim(&request(2)).await.expect("a claim").len(), 1);
    world.update(&second[0].task, to(&second[0].task, State::Succeeded)).await;
    assert_eq!(world.store.claim(&request(1)).await.expect("a claim").len(), 1);
    assert!(world.store.claim(&request(1)).await.expect("a claim").is_empty());
}

// L58
async fn a_limit_of_a_kind_holds_for_all_hosts_together_and_keeps_no_other_kind_waiting(world: World) {
    for kind in [KIND, KIND, KIND, "other"] {
        let new = NewTask { kind: kind.to_owned(), ..world.new_task() };
        world.store.create(new).await.expect("creation");
    }
    let shared = SharedLimits { kinds: [(KIND.to_owned(), 2)].into(), ..SharedLimits::default() };
    let kinds = vec![KIND.into(), "other".into()];
    let request = |host| ClaimRequest { limit: 1, shared: shared.clone(), kinds: kinds.clone(), ..world.request(host) };
    let mut handed_out = Vec::new();
    for host in [1, 2, 1, 2] {
        handed_out.extend(world.store.claim(&request(host)).await.expect("a claim").into_iter().map(|c| c.task));
    }
    let kinds: Vec<&str> = handed_out.iter().map(|task| task.kind.as_str()).collect();
    assert_eq!(kinds, [KIND, KIND, "other"]);
    world.update(&handed_out[0], to(&handed_out[0], State::Succeeded)).await;
    assert_eq!(world.store.claim(&request(2)).await.expect("a claim").len(), 1);
}

// L58
async fn hosts_that_claim_at_one_time_do_not_pass_a_limit_together(world: World) {
    for number in 1..=4 {
        create(&world, number, 4).await;
    }
    let shared = SharedLimits { session: Some(2), kinds: [(KIND.to_owned(), 5)].into() };
    let requests: Vec<ClaimRequest> =
        (1..=4).map(|host| ClaimRequest { shared: shared.clone(), ..world.request(host) }).collect();
    let claims = futures::future::join_all(requests.iter().map(|request| world.store.claim(request))).await;
    let all: Vec<Claimed> = claims.into_iter().flat_map(|claimed| claimed.expect("a claim")).collect();
    let mut by_session: HashMap<SessionId, usize> = HashMap::new();
    all.iter().for_each(|claimed| *by_session.entry(claimed.task.session_id.clone()).or_default() += 1);
    assert_eq!((all.len(), by_session.values().all(|count| *count <= 2)), (5, true), "{by_session:?}");
}

for_every_store!(
    of_a_session_what_has_a_higher_priority_is_claimed_first,
    what_is_due_later_does_not_hide_what_is_due_now_whatever_its_priority,
    a_limit_of_a_session_holds_for_all_hosts_together,
    a_limit_of_a_kind_holds_for_all_hosts_together_and_keeps_no_other_kind_waiting,
    hosts_that_claim_at_one_time_do_not_pass_a_limit_together,
    a_session_with_many_tasks_does_not_keep_another_from_its_turn,
    the_session_behind_the_one_that_was_served_last_comes_first,
    a_session_without_room_gets_nothing_and_the_others_do,
    what_is_due_later_is_found_behind_what_nobody_may_take_now,
);
