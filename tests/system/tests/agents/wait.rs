//! Waiting for one, any or all of several tasks.
//! Does not race: `wait_races` does.

use std::pin::pin;
use std::time::Duration;

use taskwright_runner::registry::{Part, State, TaskId};
use taskwright_runner::store::StoreError;
use taskwright_runner::{RunnerError, Session, Until};

use crate::stage::{LONG, Stage};

const SOON: Option<Duration> = Some(Duration::from_millis(20));

async fn any_of_them_is_the_first_of_the_list_that_is_ready(stage: Stage) {
    let ids = stage.tasks(4).await;
    stage.to(&ids[3], State::Failed).await;
    stage.ask(&ids[1]).await;
    let waited = stage.session.wait_any(&ids, Until::Ready, LONG).await.unwrap();
    assert_eq!((waited.first, waited.timed_out), (Some(1), false));
    assert_eq!(waited.task().unwrap().state, State::AwaitingInput);
    let over = stage.session.wait_any(&ids, Until::Over, LONG).await.unwrap();
    assert_eq!(over.first, Some(3), "a question is no end");
    let states: Vec<State> = over.tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [State::Queued, State::AwaitingInput, State::Queued, State::Failed]);
    let reversed: Vec<TaskId> = ids.iter().rev().cloned().collect();
    assert_eq!(stage.session.wait_any(&reversed, Until::Ready, LONG).await.unwrap().first, Some(0));
}

async fn any_of_them_is_waited_for_until_one_is_over(stage: Stage) {
    let ids = stage.tasks(3).await;
    let waiting = tokio::spawn({
        let (session, ids) = (stage.session.clone(), ids.clone());
        async move { session.wait_any(&ids, Until::Over, LONG).await }
    });
    stage.detail(&ids[0], "busy").await;
    stage.ask(&ids[1]).await;
    stage.to(&ids[2], State::Succeeded).await;
    let waited = waiting.await.unwrap().unwrap();
    assert_eq!((waited.first, waited.timed_out), (Some(2), false));
}

async fn all_of_them_are_waited_for_and_given_in_the_order_of_the_list(stage: Stage) {
    let ids = stage.tasks(20).await;
    let waiting = tokio::spawn({
        let (session, ids) = (stage.session.clone(), ids.clone());
        async move { session.wait_all(&ids, Until::Over, LONG).await }
    });
    for id in ids.iter().rev() {
        stage.ask(id).await;
        stage.to(id, State::Canceled).await;
    }
    let waited = waiting.await.unwrap().unwrap();
    assert!(!waited.timed_out && waited.tasks.iter().all(|task| task.state == State::Canceled));
    assert_eq!(waited.tasks.into_iter().map(|task| task.id).collect::<Vec<_>>(), ids);
}

async fn the_failure_of_one_ends_no_wait_for_the_others(stage: Stage) {
    let ids = stage.tasks(3).await;
    stage.to(&ids[0], State::Failed).await;
    let waiting = tokio::spawn({
        let (session, ids) = (stage.session.clone(), ids.clone());
        async move { session.wait_all(&ids, Until::Over, LONG).await }
    });
    assert!(stage.session.wait_all(&ids, Until::Over, SOON).await.unwrap().timed_out);
    stage.to(&ids[2], State::Failed).await;
    stage.to(&ids[1], State::Succeeded).await;
    let waited = waiting.await.unwrap().unwrap();
    let states: Vec<State> = waited.tasks.iter().map(|task| task.state).collect();
    assert_eq!((states, waited.timed_out), (vec![State::Failed, State::Succeeded, State::Failed], false));
}

async fn when_the_time_is_over_the_snapshots_are_given_and_it_is_said(stage: Stage) {
    let ids = stage.tasks(2).await;
    stage.to(&ids[0], State::Succeeded).await;
    let all = stage.session.wait_all(&ids, Until::Ready, SOON).await.unwrap();
    assert!(all.timed_out);
    assert_eq!(all.tasks.iter().map(|task| task.state).collect::<Vec<_>>(), [State::Succeeded, State::Queued]);
    let any = stage.session.wait_any(&ids[1..], Until::Ready, SOON).await.unwrap();
    assert_eq!((any.first, any.timed_out, any.tasks.len()), (None, true, 1));
    assert_eq!(any.task(), None);
    let now = stage.session.wait_any(&ids, Until::Ready, Some(Duration::ZERO)).await.unwrap();
    assert_eq!((now.first, now.timed_out), (Some(0), false), "no time is enough for what is so already");
}

async fn a_time_that_cannot_be_counted_is_for_ever(stage: Stage) {
    let ids = stage.tasks(1).await;
    stage.to(&ids[0], State::Succeeded).await;
    let for_ever = Some(Duration::MAX);
    assert!(!stage.session.wait(&ids[0], for_ever).await.unwrap().timed_out);
    assert!(!stage.session.wait_all(&ids, Until::Over, for_ever).await.unwrap().timed_out);
}

// L23
async fn the_first_unknown_task_is_named_before_anything_is_waited_for(stage: Stage) {
    let known = stage.tasks(2).await;
    let (foreign, gone) = (stage.foreign().await.id, TaskId::new(stage.store.now(), [9; 10]));
    for (ids, first) in [
        (vec![known[0].clone(), foreign.clone(), gone.clone()], &foreign),
        (vec![gone.clone(), known[1].clone(), foreign.clone()], &gone),
    ] {
        let named = |error: RunnerError| match error {
            RunnerError::Store(StoreError::NotFound { id, .. }) => id,
            other => panic!("{other}"),
        };
        assert_eq!(named(stage.session.wait_any(&ids, Until::Over, None).await.unwrap_err()), *first);
        assert_eq!(named(stage.session.wait_all(&ids, Until::Over, None).await.unwrap_err()), *first);
    }
}

async fn a_list_that_is_too_long_or_has_nothing_to_wait_for_is_refused(stage: Stage) {
    let id = stage.task().await.id;
    stage.to(&id, State::Succeeded).await;
    let most = vec![id.clone(); Session::MAX_LISTED];
    assert_eq!(stage.session.wait_all(&most, Until::Over, LONG).await.unwrap().tasks.len(), Session::MAX_LISTED);
    let more = vec![id; Session::MAX_LISTED + 1];
    let refused = [
        stage.session.wait_all(&more, Until::Over, LONG).await.unwrap_err(),
        stage.session.wait_any(&more, Until::Over, LONG).await.unwrap_err(),
        stage.session.wait_any(&[], Until::Over, LONG).await.unwrap_err(),
    ];
    for (error, (given, least)) in refused.into_iter().zip([(1_001, 0), (1_001, 1), (0, 1)]) {
        let expected =
            format!("a list of {given} tasks: expected {least} to 1000; split it, or leave out what is over");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(stage.session.wait_all(&[], Until::Over, LONG).await.unwrap().tasks, []);
}

/// In memory a wait has read everything when it has been polled once.
#[tokio::test]
async fn a_task_that_asked_and_was_answered_meanwhile_is_not_waited_for_again() {
    let stage = Stage::memory();
    let ids = stage.tasks(2).await;
    let question = stage.ask(&ids[0]).await.input_request.unwrap().id;
    let mut waiting = pin!(stage.session.wait_all(&ids, Until::Ready, LONG));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    stage.session.send(&ids[0], vec![Part::Text("this".to_owned())], Some(question.to_string())).await.unwrap();
    stage.to(&ids[1], State::Succeeded).await;
    let waited = waiting.await.unwrap();
    assert!(!waited.timed_out);
    let states: Vec<State> = waited.tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [State::AwaitingInput, State::Succeeded], "each as it was when it was ready");
}

crate::in_each_store!(
    any_of_them_is_the_first_of_the_list_that_is_ready,
    any_of_them_is_waited_for_until_one_is_over,
    all_of_them_are_waited_for_and_given_in_the_order_of_the_list,
    the_failure_of_one_ends_no_wait_for_the_others,
    when_the_time_is_over_the_snapshots_are_given_and_it_is_said,
    a_time_that_cannot_be_counted_is_for_ever,
    the_first_unknown_task_is_named_before_anything_is_waited_for,
    a_list_that_is_too_long_or_has_nothing_to_wait_for_is_refused,
);
