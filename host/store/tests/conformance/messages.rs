//! Messages: storing, reading, taking.
//! Does not test answers: `questions` does.

use serde_json::json;
use taskwright_registry::{
    DispatchChange, Message, MessageId, NewMessage, Part, Rejection, State, Supersede, TaskUpdate,
};
use taskwright_store::{MessagePage, StoreError};

use crate::world::{World, stranger, to};

fn page(after: Option<&MessageId>, limit: usize) -> MessagePage {
    MessagePage { after: after.cloned(), limit }
}

fn texts(messages: &[taskwright_registry::Message]) -> Vec<String> {
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Data(value) => value.to_string(),
    };
    messages.iter().map(|message| message.parts.iter().map(text).collect()).collect()
}

// L3, L13, L29
async fn a_message_reaches_a_live_task_alone(world: World, state: State) {
    let task = world.in_state(state).await;
    let before = world.all_of(&task).await;
    for message in [world.inbound("in"), world.outbound(task.fence(), "out")] {
        let outcome = world.store.record_message(&world.session, &task.id, message).await;
        if state.is_live() {
            let recorded = outcome.unwrap();
            assert!(!recorded.answered);
            assert_eq!(recorded.task, world.get(&task).await);
            assert_eq!(recorded.task.state, state);
        } else {
            assert_eq!(outcome.unwrap_err(), StoreError::Rejected(Rejection::Terminal { state }));
        }
    }
    if state.is_live() {
        let all = world.store.messages(&world.session, &task.id, &page(None, 10)).await.unwrap();
        assert_eq!(texts(&all), ["in", "out"]);
        assert_eq!(world.get(&task).await.dispatch.unread, 1);
    } else {
        assert_eq!(world.all_of(&task).await, before);
    }
}

// L33: the oldest messages were returned instead of the latest.
async fn without_a_cursor_the_latest_are_listed_oldest_first(world: World) {
    let task = world.running().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        let message = world.inbound(&number.to_string());
        ids.push(message.id.clone());
        world.store.record_message(&world.session, &task.id, message).await.unwrap();
    }
    let read = async |page| texts(&world.store.messages(&world.session, &task.id, &page).await.unwrap());
    assert_eq!(read(page(None, 3)).await, ["7", "8", "9"]);
    assert_eq!(read(page(Some(&ids[2]), 3)).await, ["3", "4", "5"]);
    assert_eq!(read(page(Some(&ids[9]), 3)).await, [""; 0]);
    assert_eq!(read(page(None, 0)).await, ["9"], "a limit is clamped to 1");
    assert_eq!(read(page(None, 10_000)).await.len(), 10);
}

// L23, L33
async fn an_unknown_or_foreign_cursor_lists_nothing(world: World) {
    let (task, other) = (world.running().await, world.running().await);
    let foreign = world.inbound("other");
    world.store.record_message(&world.session, &other.id, foreign.clone()).await.unwrap();
    world.store.record_message(&world.session, &task.id, world.inbound("own")).await.unwrap();
    for cursor in [world.message_id(), foreign.id] {
        let listed = world.store.messages(&world.session, &task.id, &page(Some(&cursor), 10)).await;
        assert_eq!(listed.unwrap(), []);
    }
    assert_eq!(world.store.messages(&world.session, &world.task_id(), &page(None, 10)).await.unwrap(), []);
    assert_eq!(world.store.messages(&stranger(), &task.id, &page(None, 10)).await.unwrap(), []);
    assert_eq!(world.store.unread(&stranger(), &task.id, 10).await.unwrap(), []);
}

// L29
async fn the_same_message_twice_is_one_message(world: World) {
    let task = world.running().await;
    let message =
        NewMessage { parts: vec![Part::Text("a\u{7}b".to_owned()), Part::Data(json!([1.5]))], ..world.inbound("") };
    let first = world.store.record_message(&world.session, &task.id, message.clone()).await.unwrap();
    let before = world.all_of(&task).await;
    world.clock.advance(1_000);
    let again = world.store.record_message(&world.session, &task.id, message.clone()).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(world.all_of(&task).await, before);

    let over = world.update(&task, to(&task, State::Succeeded)).await;
    let late = world.store.record_message(&world.session, &task.id, message).await.unwrap();
    assert_eq!((late.message, late.task), (first.message, over), "a repetition is no new message to a finished task");
}

// L29, L23
async fn one_id_for_two_messages_is_a_conflict(world: World) {
    let (task, other) = (world.running().await, world.running().await);
    let message = world.inbound("one");
    world.store.record_message(&world.session, &task.id, message.clone()).await.unwrap();
    let before = world.all_of(&task).await;
    let different = NewMessage { parts: vec![Part::Text("two".to_owned())], ..message.clone() };
    for (id, message) in [(&task.id, different), (&other.id, message)] {
        let refused = world.store.record_message(&world.session, id, message).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    assert_eq!(world.all_of(&task).await, before);
}

// L29
async fn a_taken_message_is_no_longer_unread(world: World) {
    let task = world.running().await;
    let (one, two) = (world.inbound("one"), world.inbound("two"));
    for message in [&one, &two] {
        world.store.record_message(&world.session, &task.id, message.clone()).await.unwrap();
    }
    world.store.record_message(&world.session, &task.id, world.outbound(task.fence(), "out")).await.unwrap();
    let unread = world.store.unread(&world.session, &task.id, 10).await.unwrap();
    assert_eq!(texts(&unread), ["one", "two"]);
    assert_eq!(texts(&world.store.unread(&world.session, &task.id, 1).await.unwrap()), ["one"]);
    for _ in 0..2 {
        world.store.mark_delivered(&world.session, &task.id, task.fence(), &one.id).await.unwrap();
        assert_eq!(world.get(&task).await.dispatch.unread, 1, "taking is idempotent");
    }
    assert_eq!(texts(&world.store.unread(&world.session, &task.id, 10).await.unwrap()), ["two"]);
}

// L29, L2
async fn what_was_taken_before_the_end_can_still_be_noted(world: World) {
    let task = world.running().await;
    let message = world.inbound("last words");
    world.store.record_message(&world.session, &task.id, message.clone()).await.unwrap();
    world.update(&task, to(&task, State::Succeeded)).await;
    world.store.mark_delivered(&world.session, &task.id, task.fence(), &message.id).await.unwrap();
    assert_eq!(world.store.unread(&world.session, &task.id, 10).await.unwrap(), []);
}

// L29, L3
async fn a_message_of_another_task_cannot_be_taken(world: World) {
    let (task, other) = (world.running().await, world.running().await);
    let foreign = world.inbound("other");
    world.store.record_message(&world.session, &other.id, foreign.clone()).await.unwrap();
    for id in [foreign.id, world.message_id()] {
        let refused = world.store.mark_delivered(&world.session, &task.id, task.fence(), &id).await;
        assert!(matches!(refused, Err(StoreError::Rejected(Rejection::Invalid { .. }))), "{refused:?}");
    }
    assert_eq!(world.get(&other).await.dispatch.unread, 1);
}

// L16
async fn a_message_makes_a_hibernating_task_due_at_once(world: World) {
    let task = world.running().await;
    let dispatch = Some(DispatchChange::Hibernate { until: None, ignored: 0 });
    world.update(&task, TaskUpdate { dispatch, ..TaskUpdate::default() }).await;
    world.clock.advance(1_000);
    let recorded = world.store.record_message(&world.session, &task.id, world.inbound("wake up")).await.unwrap();
    assert_eq!(recorded.task.dispatch.due_at, Some(world.store.now()));
    let claimed = world.store.claim(&world.request(1)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(claimed[0].resumed);
    assert_eq!(texts(&claimed[0].unread), ["wake up"]);
}

// L16, L29
async fn a_message_that_came_first_keeps_the_task_from_lying_down(world: World) {
    let task = world.running().await;
    let message = world.inbound("hello");
    world.store.record_message(&world.session, &task.id, message.clone()).await.unwrap();
    let asleep = TaskUpdate {
        dispatch: Some(DispatchChange::Hibernate { until: None, ignored: 0 }),
        fence: Some(task.fence()),
        ..TaskUpdate::default()
    };
    assert_eq!(world.update(&task, asleep.clone()).await.dispatch.due_at, Some(world.store.now()));
    let task = world.claim(&task).await.task;
    world.store.mark_delivered(&world.session, &task.id, task.fence(), &message.id).await.unwrap();
    let asleep = TaskUpdate { fence: Some(task.fence()), ..asleep };
    assert_eq!(world.update(&task, asleep).await.dispatch.due_at, None);
}

// L31, L3
async fn an_inbox_has_an_end(world: World) {
    let task = world.running().await;
    for _ in 0..taskwright_registry::limit::INBOX_MESSAGES {
        world.store.record_message(&world.session, &task.id, world.inbound("x")).await.unwrap();
    }
    let refused = world.store.record_message(&world.session, &task.id, world.inbound("one too many")).await;
    assert!(matches!(refused, Err(StoreError::Rejected(Rejection::TooLarge { field: "inbox", .. }))));
    let listed = world.store.messages(&world.session, &task.id, &page(None, 10_000)).await.unwrap();
    assert_eq!(listed.len(), 500, "a page has an end too");
}

// L39
async fn what_a_lost_instance_had_taken_comes_back_unless_it_left_something(world: World) {
    let now = world.store.now();
    let lost = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    let retried = TaskUpdate { supersede: Some(Supersede::Retry { at: now }), ..TaskUpdate::default() };
    let drained = TaskUpdate { dispatch: Some(DispatchChange::Release), ..TaskUpdate::default() };
    let asleep = TaskUpdate {
        dispatch: Some(DispatchChange::Hibernate { until: Some(now), ignored: 0 }),
        ..TaskUpdate::default()
    };
    for (leave, keeps) in [(lost, false), (retried, false), (drained, false), (asleep, true)] {
        let task = world.running().await;
        let mut sent = Vec::new();
        for text in ["first", "second", "third"] {
            let recorded = world.store.record_message(&world.session, &task.id, world.inbound(text)).await.unwrap();
            sent.push(recorded.message);
        }
        let take = async |message: &Message| {
            world.store.mark_delivered(&world.session, &task.id, task.fence(), &message.id).await.unwrap();
        };
        take(&sent[0]).await;
        let kept = TaskUpdate { fence: Some(task.fence()), checkpoint: Some(vec![1]), ..TaskUpdate::default() };
        world.update(&task, kept).await;
        take(&sent[1]).await;
        assert_eq!(world.get(&task).await.dispatch.held, 1);
        let gone = world.update(&task, leave.clone()).await;
        let expected = if keeps { &sent[2..] } else { &sent[1..] };
        assert_eq!((gone.dispatch.held, gone.dispatch.unread as usize), (0, expected.len()), "{leave:?}");
        assert_eq!(world.claim(&task).await.unread, expected, "{leave:?}");
    }
}

for_every_store!(
    without_a_cursor_the_latest_are_listed_oldest_first,
    an_unknown_or_foreign_cursor_lists_nothing,
    the_same_message_twice_is_one_message,
    one_id_for_two_messages_is_a_conflict,
    a_taken_message_is_no_longer_unread,
    what_was_taken_before_the_end_can_still_be_noted,
    a_message_of_another_task_cannot_be_taken,
    a_message_makes_a_hibernating_task_due_at_once,
    a_message_that_came_first_keeps_the_task_from_lying_down,
    an_inbox_has_an_end,
    what_a_lost_instance_had_taken_comes_back_unless_it_left_something,
);

mod in_every_state {
    use super::a_message_reaches_a_live_task_alone;
    for_every_store_and_state!(a_message_reaches_a_live_task_alone);
}
