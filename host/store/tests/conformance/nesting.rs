//! JSON and keys at the limit of what comes in, and beyond it: what is accepted is read back by every verb, and what is not
//! leaves nothing behind.
//! Does not test how depth is counted: `taskwright-registry` does.

use serde_json::{Value, json};
use taskwright_registry::{
    Direction, Event, EventBody, Fence, HostRef, Lineage, NewInputRequest, NewMessage, NewTask, Part, Rejection,
    Schema, State, Task, TaskUpdate, limit,
};
use taskwright_store::{CancelScope, CancelWalk, MessagePage, StoreError, TaskFilter, TaskQuery};

use crate::world::{World, stranger};

/// Made without recursion, as it must be refused without.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(0.189_604_960_933_310_14), |inner, level| match level % 2 {
        0 => Value::Array(vec![inner]),
        _ => Value::Object([("a".to_owned(), inner)].into_iter().collect()),
    })
}

fn schema(levels: usize) -> Value {
    (0..levels - 1).fold(json!({"type": "integer"}), |inner, _| json!({"not": inner}))
}

fn data(world: &World, direction: Direction, fence: Option<Fence>, value: Value) -> NewMessage {
    let parts = vec![Part::Data(value), Part::Text("and this".to_owned())];
    NewMessage { id: world.message_id(), fence, direction, parts, in_reply_to: None }
}

fn asks(world: &World, task: &Task, expected: Schema) -> TaskUpdate {
    let request = NewInputRequest { prompt: "?".to_owned(), expected: Some(expected), random: world.random() };
    TaskUpdate {
        fence: Some(task.fence()),
        state: Some(State::AwaitingInput),
        input_request: Some(request),
        ..TaskUpdate::default()
    }
}

async fn events(world: &World, session: &taskwright_registry::SessionId) -> Vec<Event> {
    world.store.events(session, 0, 1_000).await.unwrap().events
}

// L31
async fn the_deepest_json_is_read_back_in_every_wrapping(world: World) {
    let store = &world.store;
    let deepest = nested(limit::JSON_DEPTH);
    let created = store.create(NewTask { spec: deepest.clone(), ..world.new_task() }).await.unwrap().task;
    store
        .record_message(&world.session, &created.id, data(&world, Direction::Inbound, None, deepest.clone()))
        .await
        .unwrap();
    let claimed = world.claim(&created).await;
    assert_eq!((&claimed.task.spec, &claimed.unread[0].parts[0]), (&deepest, &Part::Data(deepest.clone())));
    let host: HostRef = claimed.task.dispatch.host.clone().unwrap();
    assert_eq!(store.held_by(&host).await.unwrap()[0].task.spec, deepest);
    let said = data(&world, Direction::Outbound, Some(claimed.task.fence()), deepest.clone());
    store.record_message(&world.session, &created.id, said).await.unwrap();
    let expected = Schema::new(schema(limit::JSON_DEPTH)).unwrap();
    let asked = world.update(&claimed.task, asks(&world, &claimed.task, expected.clone())).await;
    store.transfer(&world.session, std::slice::from_ref(&asked.id), &stranger()).await.unwrap();

    let read = store.get(&stranger(), &asked.id).await.unwrap();
    assert_eq!((&read.spec, read.input_request.and_then(|open| open.expected)), (&deepest, Some(expected)));
    let page = store.list(&stranger(), &TaskQuery::default()).await.unwrap();
    assert_eq!((page.tasks.len(), page.unreadable), (1, Vec::new()));
    let messages = store.messages(&stranger(), &asked.id, &MessagePage::default()).await.unwrap();
    assert!(messages.len() == 2 && messages.iter().all(|message| message.parts[0] == Part::Data(deepest.clone())));
    for (session, most) in [(&world.session, 6), (&stranger(), 1)] {
        let log = events(&world, session).await;
        assert!(
            log.len() >= most.min(1) && !log.iter().any(|event| matches!(event.body, EventBody::Unreadable { .. })),
            "{log:?}"
        );
    }
    let end = TaskUpdate {
        fence: Some(asked.fence()),
        state: Some(State::Succeeded),
        result: Some(deepest.clone()),
        ..TaskUpdate::default()
    };
    store.update(&stranger(), &asked.id, end).await.unwrap();
    assert_eq!(store.result(&stranger(), &asked.id).await.unwrap(), Some(deepest));
    assert_eq!(store.unreadable(None).await.unwrap().rows, Vec::new());
}

// L31
async fn deeper_json_is_refused_and_nothing_is_written(world: World) {
    let store = &world.store;
    let task = world.running().await;
    let before = (world.all_of(&task).await, world.log().await);
    let too_deep = |refused: Result<_, StoreError>, place: &str| {
        assert!(matches!(refused, Err(StoreError::Rejected(Rejection::TooDeep { .. }))), "{place}: {refused:?}");
    };
    for levels in [limit::JSON_DEPTH + 1, 125, 100_000] {
        let created = store.create(NewTask { spec: nested(levels), ..world.new_task() }).await;
        too_deep(created.map(drop), "spec");
        for (direction, fence) in [(Direction::Inbound, None), (Direction::Outbound, Some(task.fence()))] {
            let said = data(&world, direction, fence, nested(levels));
            too_deep(store.record_message(&world.session, &task.id, said).await.map(drop), "message");
        }
        let result = TaskUpdate { fence: Some(task.fence()), result: Some(nested(levels)), ..TaskUpdate::default() };
        too_deep(store.update(&world.session, &task.id, result).await.map(drop), "result");
    }
    // As a version wrote it that had no such limit.
    let expected = Schema::from(schema(125));
    too_deep(world.try_update(&task, asks(&world, &task, expected)).await.map(drop), "expected");
    assert!((world.all_of(&task).await, world.log().await) == before);
}

// L31
async fn a_key_that_no_column_can_hold_is_refused(world: World) {
    let store = &world.store;
    let refused = |created: Result<_, StoreError>, wanted: &str| {
        let Err(StoreError::Rejected(Rejection::Invalid { field, .. })) = created else {
            panic!("{wanted}: {created:?}")
        };
        assert_eq!(field, wanted);
    };
    let nul = || Some("a\0b".to_owned());
    let keyed = NewTask { idempotency_key: nul(), ..world.new_task() };
    refused(store.create(keyed).await.map(drop), "idempotency_key");
    for (parent, field) in [
        (Lineage { task_id: nul(), ..Lineage::default() }, "parent.task_id"),
        (Lineage { run_id: nul(), ..Lineage::default() }, "parent.run_id"),
        (Lineage { call_id: nul(), ..Lineage::default() }, "parent.call_id"),
        (Lineage { agent_id: nul(), ..Lineage::default() }, "parent.agent_id"),
    ] {
        refused(store.create(NewTask { parent, ..world.new_task() }).await.map(drop), field);
    }
    let walk = CancelWalk::new(&world.session, CancelScope::Run("a\0b".to_owned()));
    refused(store.cancel_step(&world.session, walk, None).await.map(drop), "run_id");
    world.created().await;
    for filter in [
        TaskFilter { name: nul(), ..TaskFilter::all() },
        TaskFilter { id_prefix: nul(), ..TaskFilter::all() },
        TaskFilter { parent_task_id: nul(), ..TaskFilter::all() },
        TaskFilter { run_id: nul(), ..TaskFilter::all() },
        TaskFilter { kinds: vec!["a\0b".to_owned()], ..TaskFilter::all() },
    ] {
        let page = store.list(&world.session, &TaskQuery { filter, ..TaskQuery::default() }).await.unwrap();
        assert!(page.tasks.is_empty());
    }
}

// L31
async fn any_character_may_stand_in_json(world: World) {
    let odd = json!({"a\u{0}": "\u{0}\u{ffff}\u{10ffff}", "n": [u64::MAX, i64::MIN, 5e-324, f64::MAX]});
    let task = world.store.create(NewTask { spec: odd.clone(), ..world.new_task() }).await.unwrap().task;
    let said = data(&world, Direction::Inbound, None, odd.clone());
    world.store.record_message(&world.session, &task.id, said).await.unwrap();
    let claimed = world.claim(&task).await;
    assert_eq!((claimed.task.spec, &claimed.unread[0].parts[0]), (odd.clone(), &Part::Data(odd)));
}

for_every_store!(
    the_deepest_json_is_read_back_in_every_wrapping,
    deeper_json_is_refused_and_nothing_is_written,
    a_key_that_no_column_can_hold_is_refused,
    any_character_may_stand_in_json,
);
