//! Limits of pages: clamped, and the page says so.
//! Does not test what is on a page: each list's own cases do.

use chrono::TimeDelta;
use taskwright_registry::{Direction, HostRef, State, Task, WakePolicy};
use taskwright_store::{ClaimedWakes, MessagePage, PageLimit, SessionQuery, TaskQuery};

use crate::world::{World, stranger, to};

/// Everything that comes in pages.
#[derive(Debug, Clone, Copy)]
enum List {
    Tasks,
    Sessions,
    Messages,
    MessagesBehind,
    Unread,
    Events,
    Wakes,
    ClaimedWakes,
    SessionsWithWakes,
    Finished,
    Lapsed,
}

/// With the most that a page of it holds.
const ALL: [(List, usize); 11] = [
    (List::Tasks, 500),
    (List::Sessions, 500),
    (List::Messages, 500),
    (List::MessagesBehind, 500),
    (List::Unread, 1_000),
    (List::Events, 1_000),
    (List::Wakes, 1_000),
    (List::ClaimedWakes, 1_000),
    (List::SessionsWithWakes, 1_000),
    (List::Finished, 1_000),
    (List::Lapsed, 1_000),
];

/// Two of everything at least, and who may claim wakes.
async fn two_of_everything(world: &World) -> (Task, HostRef) {
    let waker = world.host(9);
    world.store.open_lease(&waker, taskwright_registry::LeaseLength::default()).await.unwrap();
    for _ in 0..2 {
        let over = world.running_with(WakePolicy::OnTerminal).await;
        world.update(&over, to(&over, State::Succeeded)).await;
    }
    let moves = world.running_with(WakePolicy::OnTerminal).await;
    world.store.transfer(&world.session, std::slice::from_ref(&moves.id), &stranger()).await.unwrap();
    let moved = world.store.get(&stranger(), &moves.id).await.unwrap();
    world.store.update(&stranger(), &moved.id, to(&moved, State::Succeeded)).await.unwrap();
    let (task, _) = (world.running().await, world.running().await);
    for text in ["one", "two", "three"] {
        let inbound = world.store.record_message(&world.session, &task.id, world.inbound(text)).await.unwrap();
        assert_eq!(inbound.message.direction, Direction::Inbound);
    }
    world.store.close_lease(task.dispatch.host.as_ref().expect("its host")).await.unwrap();
    (task, waker)
}

/// How many items a page has, whether there are more (as far as it says), and its limit.
async fn page(
    world: &World,
    (task, waker): &(Task, HostRef),
    list: List,
    limit: usize,
) -> (usize, Option<bool>, PageLimit) {
    let (store, session) = (&world.store, &world.session);
    match list {
        List::Tasks => {
            let page = store.list(session, &TaskQuery { limit, ..TaskQuery::default() }).await.unwrap();
            (page.tasks.len(), Some(page.next.is_some()), page.limit)
        }
        List::Sessions => {
            let page = store.sessions(&SessionQuery { limit, ..SessionQuery::default() }).await.unwrap();
            (page.sessions.len(), Some(page.next.is_some()), page.limit)
        }
        List::Messages | List::MessagesBehind => {
            let all = MessagePage { after: None, limit: 500 };
            let first = store.messages(session, &task.id, &all).await.unwrap()[0].id.clone();
            let after = matches!(list, List::MessagesBehind).then_some(first);
            let page = store.messages(session, &task.id, &MessagePage { after, limit }).await.unwrap();
            (page.len(), Some(page.more), page.limit)
        }
        List::Unread => {
            let page = store.unread(session, &task.id, limit).await.unwrap();
            (page.len(), Some(page.more), page.limit)
        }
        List::Events => {
            let page = store.events(session, 0, limit).await.unwrap();
            (page.events.len(), None, page.limit)
        }
        List::Wakes => {
            let page = store.wakes(session, limit).await.unwrap();
            (page.len(), Some(page.more), page.limit)
        }
        List::ClaimedWakes => {
            let claimed = store.claim_wakes(session, waker, limit).await.unwrap();
            let ClaimedWakes::Here(page) = claimed else { panic!("{claimed:?}") };
            (page.len(), Some(page.more), page.limit)
        }
        List::SessionsWithWakes => {
            let page = store.sessions_with_wakes(None, limit).await.unwrap();
            (page.sessions.len(), Some(page.next.is_some()), page.limit)
        }
        List::Finished => {
            let page = store.finished(store.now() + TimeDelta::days(1), None, limit).await.unwrap();
            (page.tasks.len(), Some(page.next.is_some()), page.limit)
        }
        List::Lapsed => {
            let page = store.lapsed(0, limit).await.unwrap();
            (page.tasks.len(), Some(page.next.is_some()), page.limit)
        }
    }
}

async fn a_limit_is_clamped_and_the_page_says_so(world: World) {
    let of = two_of_everything(&world).await;
    for (list, most) in ALL {
        let (least, more, limit) = page(&world, &of, list, 0).await;
        assert_eq!((least, more.unwrap_or(true)), (1, true), "{list:?}");
        assert_eq!((limit, limit.was_clamped()), (PageLimit { asked: 0, applied: 1 }, true), "{list:?}");
        for asked in [most + 1, usize::MAX] {
            let (all, more, limit) = page(&world, &of, list, asked).await;
            assert!(all >= 2 && !more.unwrap_or(false), "{list:?}: {all}");
            assert_eq!((limit, limit.was_clamped()), (PageLimit { asked, applied: most }, true), "{list:?}");
            let (exactly, more, _) = page(&world, &of, list, all).await;
            assert_eq!((exactly, more.unwrap_or(false)), (all, false), "{list:?}: a full last page has no more");
        }
        for asked in [1, 2, most] {
            let (_, _, limit) = page(&world, &of, list, asked).await;
            assert_eq!((limit, limit.was_clamped()), (PageLimit { asked, applied: asked }, false), "{list:?}");
        }
    }
}

for_every_store!(a_limit_is_clamped_and_the_page_says_so);
