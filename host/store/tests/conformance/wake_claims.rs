//! Which of several hosts delivers the wakes of a session.
//! Does not test which wakes there are: `wakes` does.

use std::time::Duration;

use taskwright_registry::{HostRef, LeaseLength, State, WakePolicy};
use taskwright_store::{ClaimedWakes, StoreError};

use crate::world::{World, stranger, to};

/// Has the world's session woken.
async fn rouse(world: &World) {
    let task = world.running_with(WakePolicy::OnTerminal).await;
    world.update(&task, to(&task, State::Succeeded)).await;
}

/// How many wakes a host is given; nothing if another delivers them.
async fn given(world: &World, host: &HostRef) -> Option<usize> {
    match world.store.claim_wakes(&world.session, host, 1_000).await.unwrap() {
        ClaimedWakes::Here(wakes) => Some(wakes.len()),
        ClaimedWakes::Elsewhere(_) => None,
    }
}

// L19, L37
async fn the_wakes_of_a_session_are_given_to_one_host_until_it_releases_them(world: World) {
    let (one, two) = (world.host(1), world.host(2));
    assert_eq!((given(&world, &one).await, given(&world, &two).await), (Some(0), Some(0)), "nothing is nobody's");
    rouse(&world).await;
    rouse(&world).await;
    let all = world.store.wakes(&world.session, 10).await.unwrap();
    let first = world.store.claim_wakes(&world.session, &one, 1).await.unwrap();
    let ClaimedWakes::Here(first) = first else { panic!("{first:?}") };
    assert_eq!((first.items.as_slice(), first.more), (&all[..1], true));
    let elsewhere = world.store.claim_wakes(&world.session, &two, 10).await.unwrap();
    assert_eq!(elsewhere, ClaimedWakes::Elsewhere(one.clone()));
    world.store.acknowledge_wakes(&world.session, &[all[0].id]).await.unwrap();
    assert_eq!((given(&world, &two).await, given(&world, &one).await), (None, Some(1)), "it keeps the session");
    world.store.release_wakes(&world.session, &two).await.unwrap();
    assert_eq!(given(&world, &two).await, None, "only the holder can release");
    for _ in 0..2 {
        world.store.release_wakes(&world.session, &one).await.unwrap();
    }
    assert_eq!((given(&world, &two).await, given(&world, &one).await), (Some(1), None));
    world.store.release_wakes(&stranger(), &one).await.unwrap();
}

// L37
async fn another_host_takes_over_when_the_lease_of_the_first_is_over_or_closed(world: World) {
    let (one, two, three) = (world.host(31), world.host(32), world.host(33));
    let length = LeaseLength::default();
    rouse(&world).await;
    world.store.open_lease(&one, length).await.unwrap();
    assert_eq!(given(&world, &one).await, Some(1));
    world.lease_clock.advance(length.duration() - Duration::from_millis(1));
    world.store.open_lease(&two, length).await.unwrap();
    assert_eq!(given(&world, &two).await, None);
    world.lease_clock.advance(Duration::from_millis(1));
    assert_eq!(given(&world, &two).await, Some(1));
    world.store.open_lease(&three, length).await.unwrap();
    assert_eq!(given(&world, &three).await, None);
    world.store.close_lease(&two).await.unwrap();
    assert_eq!(given(&world, &three).await, Some(1));
    let lost = world.store.claim_wakes(&world.session, &one, 10).await;
    assert_eq!(lost, Err(StoreError::LeaseLost { host: one }), "a host without a lease is given none");
}

for_every_store!(
    the_wakes_of_a_session_are_given_to_one_host_until_it_releases_them,
    another_host_takes_over_when_the_lease_of_the_first_is_over_or_closed,
);
