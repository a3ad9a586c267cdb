//! Which sessions have wakes, for whoever delivers them without knowing the sessions.
//! Does not test the wakes themselves: `wakes` does.

use taskwright_registry::{NewTask, SessionId, State, Task, WakePolicy};
use taskwright_store::Change;

use crate::world::{World, to};

fn session(number: usize) -> SessionId {
    format!("session {number:02}").replace(' ', "-").parse().expect("a session id")
}

/// Ends a task of a session that is woken for it.
async fn woken(world: &World, session: SessionId) -> Task {
    let new = NewTask { session_id: session, wake_policy: WakePolicy::OnTerminal, ..world.new_task() };
    let task = world.store.create(new).await.unwrap().task;
    let claimed = world.claim(&task).await.task;
    world.update(&claimed, to(&claimed, State::Succeeded)).await
}

async fn all(world: &World) -> Vec<SessionId> {
    let page = world.store.sessions_with_wakes(None, 1_000).await.unwrap();
    assert_eq!(page.next, None);
    page.sessions
}

// L19
async fn a_session_is_listed_from_its_first_wake_until_the_last_is_acknowledged(world: World) {
    world.created_with(WakePolicy::OnTerminal).await;
    assert_eq!(all(&world).await, [], "nothing has happened yet");
    for _ in 0..2 {
        woken(&world, session(1)).await;
    }
    woken(&world, session(2)).await;
    assert_eq!(all(&world).await, [session(1), session(2)]);
    let ids: Vec<u64> = world.store.wakes(&session(1), 10).await.unwrap().into_iter().map(|wake| wake.id).collect();
    world.store.acknowledge_wakes(&session(1), &ids[..1]).await.unwrap();
    assert_eq!(all(&world).await, [session(1), session(2)], "one is left");
    world.store.acknowledge_wakes(&session(1), &ids).await.unwrap();
    assert_eq!(all(&world).await, [session(2)]);
    woken(&world, session(1)).await;
    assert_eq!(all(&world).await, [session(1), session(2)], "each keeps its place");
}

// L23
async fn the_pages_of_sessions_with_wakes_show_each_once(world: World) {
    let sessions: Vec<SessionId> = (0..7).map(session).collect();
    for one in &sessions {
        woken(&world, one.clone()).await;
        woken(&world, one.clone()).await;
    }
    let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = world.store.sessions_with_wakes(after, 3).await.unwrap();
        seen.extend(page.sessions);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (sessions, 3));
    assert_eq!(world.store.sessions_with_wakes(Some(u64::MAX), 3).await.unwrap().sessions, []);
    assert_eq!(world.store.sessions_with_wakes(None, 0).await.unwrap().sessions.len(), 1, "at least one is given");
}

async fn what_is_forgotten_wakes_nobody(world: World) {
    let task = woken(&world, session(1)).await;
    world.clock.advance(1_000);
    assert!(world.store.forget(&session(1), &task.id, world.store.now()).await.unwrap());
    assert_eq!(all(&world).await, []);
}

async fn a_wake_is_announced_with_its_session_and_other_changes_are_not(world: World) {
    let mut changes = world.store.changes();
    let silent = world.running().await;
    world.update(&silent, to(&silent, State::Succeeded)).await;
    woken(&world, session(1)).await;
    let mut heard = Vec::new();
    while let Ok(change) = changes.try_recv() {
        if let Change::Woken { session_id } = change {
            heard.push(session_id);
        }
    }
    assert_eq!(heard, [session(1)]);
}

for_every_store!(
    a_session_is_listed_from_its_first_wake_until_the_last_is_acknowledged,
    the_pages_of_sessions_with_wakes_show_each_once,
    what_is_forgotten_wakes_nobody,
    a_wake_is_announced_with_its_session_and_other_changes_are_not,
);
