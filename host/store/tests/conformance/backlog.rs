//! How much is due, by kind.
//! Does not claim it.

use chrono::TimeDelta;
use taskwright_registry::NewTask;
use taskwright_store::{Backlog, KindOffer};

use crate::world::{KIND, World};

async fn backlog(world: &World, kinds: &[&str]) -> Vec<Backlog> {
    let kinds: Vec<KindOffer> = kinds.iter().map(|kind| KindOffer::from(*kind)).collect();
    world.store.backlog(&kinds).await.unwrap()
}

async fn what_is_due_is_counted_by_kind_since_when(world: World) {
    let began = world.store.now();
    let none = |kind: &str| Backlog { kind: kind.to_owned(), due: 0, oldest: None };
    assert_eq!(backlog(&world, &["other", KIND]).await, [none("other"), none(KIND)]);
    let first = world.created().await;
    world.clock.advance(500);
    world.created().await;
    let later = NewTask { not_before: Some(world.store.now() + TimeDelta::seconds(1)), ..world.new_task() };
    world.store.create(later).await.unwrap();
    world.store.create(NewTask { kind: "other".to_owned(), ..world.new_task() }).await.unwrap();
    let due = |due, oldest| Backlog { kind: KIND.to_owned(), due, oldest: Some(oldest) };
    assert_eq!(backlog(&world, &[KIND]).await, [due(2, began)], "what is due later does not wait yet");
    world.claim(&first).await;
    assert_eq!(backlog(&world, &[KIND]).await, [due(1, world.store.now())], "what is claimed waits no more");
    world.clock.advance(1_000);
    let both = backlog(&world, &["other", KIND]).await;
    assert_eq!((both[0].due, both[1].due), (1, 2));
}

async fn what_began_with_code_that_is_not_offered_is_not_counted(world: World) {
    world.created().await;
    let older = KindOffer { kind: KIND.to_owned(), newest: None, begins: false, older: vec!["sha256:1".to_owned()] };
    assert_eq!(world.store.backlog(&[older]).await.unwrap()[0].due, 0);
    assert_eq!(world.store.backlog(&[]).await.unwrap(), []);
}

for_every_store!(what_is_due_is_counted_by_kind_since_when, what_began_with_code_that_is_not_offered_is_not_counted,);
