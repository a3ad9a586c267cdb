//! Attempts: retries and what follows the loss of a host.
//! Does not wait: the clock is the test's.

use taskwright_registry::{
    Backoff, DispatchChange, Failure, NewTask, Phase, Retry, State, Supersede, TaskError, TaskUpdate, Usage,
    settle_failure,
};

use crate::world::{World, to};

fn failure() -> Failure {
    let error = TaskError { detail: None, kind: "trap".to_owned(), message: "unreachable".to_owned() };
    Failure { error, retry: Retry::Backoff }
}

// L7, L22
async fn a_failed_attempt_is_retried_until_the_attempts_are_used_up(world: World) {
    let backoff = Backoff { initial_ms: 1_000, factor: 2.0, max_ms: 10_000 };
    let new = NewTask { max_attempts: 3, backoff, ..world.new_task() };
    let mut task = world.store.create(new).await.unwrap().task;
    for (attempt, wait) in [(1, 1_000), (2, 2_000)] {
        task = world.claim(&task).await.task;
        assert_eq!((task.attempt, task.retry_at), (attempt, None));
        let settled = settle_failure(&task, failure(), Usage::default(), world.store.now(), 1.0);
        task = world.update(&task, settled).await;
        assert_eq!((task.state, task.attempt, task.retries), (State::Running, attempt + 1, attempt));
        assert_eq!((task.dispatch.phase, task.dispatch.due_at), (Phase::Ready, task.retry_at));
        world.clock.advance(wait - 1);
        assert!(world.store.claim(&world.request(1)).await.unwrap().is_empty());
        world.clock.advance(1);
    }
    task = world.claim(&task).await.task;
    let settled = settle_failure(&task, failure(), Usage::default(), world.store.now(), 1.0);
    let over = world.update(&task, settled).await;
    assert_eq!((over.state, over.attempt), (State::Failed, 3));
    assert_eq!(over.error, Some(failure().error));
}

// L22, L17
async fn a_canceled_task_is_not_tried_again(world: World) {
    let new = NewTask { max_attempts: 3, ..world.new_task() };
    let task = world.store.create(new).await.unwrap().task;
    let task = world.claim(&task).await.task;
    let (task, _) = world.store.request_cancel(&world.session, &task.id, None).await.unwrap();
    let settled = settle_failure(&task, failure(), Usage::default(), world.store.now(), 1.0);
    assert_eq!(world.update(&task, settled).await.state, State::Failed);
}

// L10, L22
async fn a_retry_takes_the_failed_attempts_question_with_it(world: World) {
    let task = world.in_state(State::AwaitingInput).await;
    let retry = TaskUpdate { supersede: Some(Supersede::Retry { at: world.store.now() }), ..TaskUpdate::default() };
    let after = world.update(&task, retry).await;
    assert_eq!((after.state, after.input_request), (State::Running, None));
}

// L7, L10: a task that awaited input lived for ever after its host had died.
async fn a_task_that_awaits_input_can_be_attached_again(world: World) {
    let task = world.in_state(State::AwaitingInput).await;
    let lost = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    let after = world.update(&task, lost).await;
    assert_eq!((after.state, after.attempt, &after.input_request), (State::AwaitingInput, 2, &task.input_request));
    let claimed = world.claim(&after).await;
    assert_eq!((claimed.task.attempt, claimed.resumed), (2, false));
}

// L6, L7
async fn a_drain_gives_the_task_back_within_the_same_attempt(world: World) {
    let task = world.running().await;
    let release = TaskUpdate { dispatch: Some(DispatchChange::Release), ..TaskUpdate::default() };
    let back = world.update(&task, release).await;
    assert_eq!((back.attempt, back.retries, back.crashes), (1, 0, 0));
    let claimed = world.store.claim(&world.request(2)).await.unwrap();
    assert_eq!((claimed[0].task.attempt, claimed[0].task.dispatch.claim), (1, 2));
}

// L2
async fn a_success_forgets_what_an_earlier_attempt_stumbled_over(world: World) {
    let new = NewTask { max_attempts: 2, ..world.new_task() };
    let task = world.store.create(new).await.unwrap().task;
    let task = world.claim(&task).await.task;
    let settled = settle_failure(&task, failure(), Usage::default(), world.store.now(), 0.0);
    let task = world.update(&task, settled).await;
    assert_eq!(task.error, Some(failure().error));
    world.clock.advance(10_000);
    let task = world.claim(&task).await.task;
    assert_eq!(world.update(&task, to(&task, State::Succeeded)).await.error, None);
}

for_every_store!(
    a_failed_attempt_is_retried_until_the_attempts_are_used_up,
    a_canceled_task_is_not_tried_again,
    a_retry_takes_the_failed_attempts_question_with_it,
    a_task_that_awaits_input_can_be_attached_again,
    a_drain_gives_the_task_back_within_the_same_attempt,
    a_success_forgets_what_an_earlier_attempt_stumbled_over,
);
