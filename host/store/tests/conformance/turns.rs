//! How what is due is shared out between sessions.
//! Does not test who may claim: `claim` and `leases` do.

use std::collections::HashMap;

use taskwright_registry::{NewTask, SessionId};
use taskwright_store::{ClaimRequest, Turns};

use crate::world::World;

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

for_every_store!(
    a_session_with_many_tasks_does_not_keep_another_from_its_turn,
    the_session_behind_the_one_that_was_served_last_comes_first,
    a_session_without_room_gets_nothing_and_the_others_do,
    what_is_due_later_is_found_behind_what_nobody_may_take_now,
);
