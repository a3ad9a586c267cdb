//! Wakes: who is woken, for what and how often.
//! Does not deliver them.

use taskwright_registry::{State, Supersede, TaskError, TaskUpdate, WakeCause, WakePolicy};

use crate::world::{World, stranger, to};

async fn causes(world: &World) -> Vec<WakeCause> {
    world.store.wakes(&world.session, 1_000).await.unwrap().into_iter().map(|wake| wake.cause).collect()
}

/// A life with two questions, two messages and an end; what it wakes for depends on the policy alone.
async fn live(world: &World, policy: WakePolicy, end: State) -> Vec<&'static str> {
    let task = world.running_with(policy).await;
    for _ in 0..2 {
        world.update(&task, world.question(&task, "which?")).await;
        world.update(&task, to(&task, State::Running)).await;
        let message = world.outbound(task.fence(), "news");
        world.store.record_message(&world.session, &task.id, message).await.unwrap();
        world.store.record_message(&world.session, &task.id, world.inbound("thanks")).await.unwrap();
    }
    world.update(&task, to(&task, end)).await;
    world.update(&task, TaskUpdate { state: Some(end), summary: Some("s".to_owned()), ..TaskUpdate::default() }).await;
    let name = |cause: &WakeCause| match cause {
        WakeCause::Terminal { .. } => "terminal",
        WakeCause::AwaitingInput { .. } => "question",
        WakeCause::Message { .. } => "message",
    };
    causes(world).await.iter().map(name).collect()
}

// L18, L19: wakes came twice, or not at all.
async fn a_session_is_woken_as_the_policy_says(world: World, end: State) {
    if end.is_live() {
        return;
    }
    assert_eq!(live(&world, WakePolicy::Silent, end).await, [""; 0]);
    assert_eq!(live(&world, WakePolicy::OnTerminal, end).await, ["terminal"]);
    let woken = live(&world, WakePolicy::OnActivity, end).await;
    assert_eq!(woken[1..], ["question", "message", "question", "message", "terminal"]);
}

// L18: an orphan that nobody is told about.
async fn the_end_of_an_orphan_wakes_too(world: World) {
    let task = world.running_with(WakePolicy::OnTerminal).await;
    let error = TaskError { detail: None, kind: "orphaned".to_owned(), message: "its host was lost".to_owned() };
    let reaped = TaskUpdate { state: Some(State::Failed), error: Some(error), ..TaskUpdate::default() };
    world.update(&task, reaped).await;
    let wakes = world.store.wakes(&world.session, 10).await.unwrap();
    assert_eq!(wakes.len(), 1);
    assert_eq!((&wakes[0].task_id, wakes[0].attempt), (&task.id, 1));
    assert!(wakes[0].text.contains("orphaned") && wakes[0].text.contains("its host was lost"), "{}", wakes[0].text);
}

// L18, L20
async fn a_cancel_before_the_start_wakes(world: World) {
    let task = world.created_with(WakePolicy::OnTerminal).await;
    world.store.request_cancel(&world.session, &task.id, None).await.unwrap();
    assert_eq!(causes(&world).await, [WakeCause::Terminal { state: State::Canceled }]);
}

// L18
async fn a_question_that_takes_the_place_of_another_wakes_too(world: World) {
    let task = world.running_with(WakePolicy::OnActivity).await;
    let mut asked = Vec::new();
    for prompt in ["this?", "or that?"] {
        let task = world.update(&task, world.question(&task, prompt)).await;
        asked.push(WakeCause::AwaitingInput { request_id: task.input_request.unwrap().id });
    }
    assert_eq!(causes(&world).await, asked);
}

// L19
async fn an_acknowledged_wake_does_not_come_back(world: World) {
    let task = world.running_with(WakePolicy::OnActivity).await;
    world.update(&task, world.question(&task, "?")).await;
    world.update(&task, to(&task, State::Succeeded)).await;
    let wakes = world.store.wakes(&world.session, 10).await.unwrap();
    let ids: Vec<u64> = wakes.iter().map(|wake| wake.id).collect();
    assert!(ids[0] < ids[1]);
    assert_eq!(world.store.wakes(&world.session, 1).await.unwrap(), wakes[..1]);
    assert_eq!(world.store.acknowledge_wakes(&stranger(), &ids).await, Ok(0), "foreign ids are passed over");
    assert_eq!(world.store.acknowledge_wakes(&world.session, &[ids[0], 9_999, u64::MAX]).await, Ok(1));
    assert_eq!(world.store.wakes(&world.session, 10).await.unwrap(), wakes[1..]);
    assert_eq!(world.store.acknowledge_wakes(&world.session, &ids).await, Ok(1), "the first was acknowledged before");
    assert_eq!(world.store.wakes(&world.session, 10).await.unwrap(), []);
    world.update(&task, TaskUpdate { state: Some(State::Succeeded), ..TaskUpdate::default() }).await;
    assert_eq!(world.store.wakes(&world.session, 10).await.unwrap(), []);
}

// L19
async fn a_message_that_is_sent_twice_wakes_once(world: World) {
    let task = world.running_with(WakePolicy::OnActivity).await;
    let message = world.outbound(task.fence(), "news");
    for _ in 0..3 {
        world.store.record_message(&world.session, &task.id, message.clone()).await.unwrap();
    }
    assert_eq!(causes(&world).await, [WakeCause::Message { message_id: message.id }]);
}

// L19
async fn a_reattached_task_ends_once(world: World) {
    let task = world.running_with(WakePolicy::OnTerminal).await;
    let lost = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    let task = world.update(&task, lost).await;
    let task = world.claim(&task).await.task;
    world.update(&task, to(&task, State::Succeeded)).await;
    let wakes = world.store.wakes(&world.session, 10).await.unwrap();
    assert_eq!(wakes.iter().map(|wake| wake.attempt).collect::<Vec<_>>(), [2]);
}

// L3, L19
async fn a_refused_end_wakes_nobody(world: World) {
    let task = world.running_with(WakePolicy::OnTerminal).await;
    let stale = taskwright_registry::Fence { attempt: 7, claim: 7, birth: 0 };
    let end = TaskUpdate { fence: Some(stale), ..to(&task, State::Failed) };
    world.try_update(&task, end).await.unwrap_err();
    assert_eq!(causes(&world).await, []);
}

for_every_store!(
    the_end_of_an_orphan_wakes_too,
    a_cancel_before_the_start_wakes,
    a_question_that_takes_the_place_of_another_wakes_too,
    an_acknowledged_wake_does_not_come_back,
    a_message_that_is_sent_twice_wakes_once,
    a_reattached_task_ends_once,
    a_refused_end_wakes_nobody,
);

mod in_every_state {
    use super::a_session_is_woken_as_the_policy_says;
    for_every_store_and_state!(a_session_is_woken_as_the_policy_says);
}
