//! The log of a session, and the announcements of commits.
//! Does not test how fast they come.

use std::time::Duration;

use taskwright_registry::{EventBody, NewTask, State, TaskUpdate, Timestamp};
use taskwright_store::{Change, StoreError};

use crate::world::{World, detail, stranger, to};

// L25, L32
async fn the_log_tells_a_life_without_a_gap(world: World) {
    let task = world.created().await;
    let running = world.claim(&task).await.task;
    let busy = world.update(&running, detail(&running, "busy")).await;
    world.store.record_message(&world.session, &task.id, world.outbound(busy.fence(), "half")).await.unwrap();
    world.store.record_message(&world.session, &task.id, world.inbound("good")).await.unwrap();
    let over = world.update(&busy, to(&busy, State::Succeeded)).await;
    let log = world.log().await;
    let told: Vec<(u64, &str)> = log.iter().map(|event| (event.seq, event.body.type_name())).collect();
    let expected = [
        (1, "task.created"),
        (2, "task.updated"),
        (3, "task.updated"),
        (4, "task.message.received"),
        (5, "task.message.sent"),
        (6, "task.updated"),
    ];
    assert_eq!(told, expected);
    assert!(log.iter().all(|event| event.task_id == task.id && event.session_id == world.session));
    assert_eq!(log[0].body.task(), Some(&task.snapshot()));
    assert_eq!(log[5].body.task(), Some(&over.snapshot()));
    let EventBody::Updated { changes, task } = &log[2].body else { panic!("{:?}", log[2]) };
    assert_eq!((changes.as_slice(), &**task), (&["state_detail".to_owned()][..], &busy.snapshot()));
}

// L25
async fn a_log_is_read_from_any_cursor(world: World) {
    let task = world.running().await;
    for number in 0..20 {
        world.update(&task, detail(&task, &number.to_string())).await;
    }
    let read = async |after, limit| {
        let page = world.store.events(&world.session, after, limit).await.unwrap();
        assert_eq!(page.last, 22);
        page.events.into_iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 3).await, [1, 2, 3]);
    assert_eq!(read(20, 100).await, [21, 22]);
    assert_eq!(read(22, 100).await, [0; 0]);
    assert_eq!(read(u64::MAX, 100).await, [0; 0]);
    assert_eq!(read(5, 0).await, [6], "a limit is clamped to 1");
}

// L23, L25: events of other sessions leaked.
async fn each_session_has_a_log_of_its_own(world: World) {
    world.created().await;
    world.store.create(NewTask { session_id: stranger(), ..world.new_task() }).await.unwrap();
    world.created().await;
    let own: Vec<u64> = world.log().await.iter().map(|event| event.seq).collect();
    assert_eq!(own, [1, 2]);
    let foreign = world.store.events(&stranger(), 0, 10).await.unwrap();
    assert_eq!((foreign.last, foreign.events.len(), foreign.events[0].seq), (1, 1, 1));
    let nobody = world.store.events(&"nobody".parse().unwrap(), 0, 10).await.unwrap();
    assert_eq!((nobody.last, nobody.events.len()), (0, 0));
}

// L3, L25, L26
async fn a_refused_write_makes_no_event(world: World) {
    let task = world.in_state(State::Succeeded).await;
    let before = world.log().await;
    for _ in 0..3 {
        world.try_update(&task, to(&task, State::Failed)).await.unwrap_err();
        world.store.record_message(&world.session, &task.id, world.inbound("?")).await.unwrap_err();
        world.store.update(&world.session, &world.task_id(), TaskUpdate::default()).await.unwrap_err();
    }
    assert_eq!(world.log().await, before);
    world.created().await;
    assert_eq!(world.log().await.last().unwrap().seq, before.len() as u64 + 1);
}

// L32
async fn every_commit_is_announced_with_when_its_task_is_due(world: World) {
    let mut changes = world.store.changes();
    let task = world.created().await;
    let announced = |due_at| Change::Task { session_id: world.session.clone(), task_id: task.id.clone(), due_at };
    let mut heard = async || {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(10), changes.recv()).await;
            // That something may have changed elsewhere is never wrong, and comes when a store begins to listen.
            match next.expect("an announcement in time").expect("an announcement") {
                Change::Elsewhere => {}
                next => return next,
            }
        }
    };
    // By every clock.
    assert_eq!(heard().await, announced(Some(Timestamp::UNIX_EPOCH)));
    let running = world.claim(&task).await.task;
    assert_eq!(heard().await, announced(None));
    // What was refused, and what changed nothing, is not announced; what follows is the next thing heard.
    world.try_update(&running, to(&running, State::Queued)).await.unwrap_err();
    world.update(&running, TaskUpdate::default()).await;
    world.store.record_message(&world.session, &task.id, world.outbound(running.fence(), "x")).await.unwrap();
    assert_eq!(heard().await, announced(None));
    let over = world.update(&running, to(&running, State::Succeeded)).await;
    assert_eq!(heard().await, announced(None));
    world.try_update(&over, TaskUpdate { heartbeat: true, ..TaskUpdate::default() }).await.unwrap_err();
    let other = world.created().await;
    let next = heard().await;
    assert!(matches!(next, Change::Task { task_id, .. } if task_id == other.id));
}

// L23
async fn an_unknown_task_is_not_found_by_any_verb(world: World) {
    let id = world.task_id();
    let expected = StoreError::NotFound { session: world.session.clone(), id: id.clone() };
    let store = &world.store;
    assert_eq!(store.get(&world.session, &id).await.unwrap_err(), expected);
    assert_eq!(store.update(&world.session, &id, TaskUpdate::default()).await.unwrap_err(), expected);
    assert_eq!(store.request_cancel(&world.session, &id, None).await.unwrap_err(), expected);
    assert_eq!(store.record_message(&world.session, &id, world.inbound("x")).await.unwrap_err(), expected);
    assert_eq!(store.checkpoint(&world.session, &id).await.unwrap_err(), expected);
    assert_eq!(store.result(&world.session, &id).await.unwrap_err(), expected);
    assert_eq!(world.log().await, []);
}

for_every_store!(
    the_log_tells_a_life_without_a_gap,
    a_log_is_read_from_any_cursor,
    each_session_has_a_log_of_its_own,
    a_refused_write_makes_no_event,
    every_commit_is_announced_with_when_its_task_is_due,
    an_unknown_task_is_not_found_by_any_verb,
);
