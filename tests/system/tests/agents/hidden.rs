//! Hidden tasks: waiting until none remain, and hearing of every one that went wrong.
//! Does not test how they run: they are moved on by the test itself.

use std::time::Duration;

use taskwright_runner::RunnerError;
use taskwright_runner::registry::{NewTask, State, TaskError, TaskId, TaskUpdate, Visibility};
use taskwright_runner::store::{StoreError, TaskQuery};

use crate::stage::{LONG, Stage};

async fn hidden(stage: &Stage) -> TaskId {
    stage.create(NewTask { visibility: Visibility::Hidden, ..stage.new_task("probe") }).await.id
}

async fn fail(stage: &Stage, id: &TaskId, message: &str) {
    let error = TaskError { kind: "odd".to_owned(), message: message.to_owned(), detail: None };
    stage.update(id, TaskUpdate { state: Some(State::Failed), error: Some(error), ..TaskUpdate::default() }).await;
}

async fn hidden_tasks_are_waited_for_until_none_remain_new_ones_included(stage: Stage) {
    let (first, listed) = (hidden(&stage).await, stage.task().await.id);
    let waiting = tokio::spawn({
        let session = stage.session.clone();
        async move { session.await_hidden(LONG).await }
    });
    let second = hidden(&stage).await;
    stage.to(&first, State::Succeeded).await;
    let third = hidden(&stage).await;
    stage.to(&second, State::Succeeded).await;
    assert!(!waiting.is_finished(), "one is live");
    stage.to(&third, State::Succeeded).await;
    let outcome = waiting.await.unwrap().unwrap();
    assert_eq!((outcome.failed.len(), outcome.live.len(), outcome.timed_out), (0, 0, false));
    let shown = stage.session.list(&TaskQuery::default()).await.unwrap().tasks;
    assert_eq!(shown.into_iter().map(|task| task.id).collect::<Vec<_>>(), [listed], "nobody has asked for hidden ones");
}

// L54
async fn every_error_of_a_hidden_task_is_told_until_it_was_taken_note_of(stage: Stage) {
    let mut failed = Vec::new();
    for number in 0..3 {
        let id = hidden(&stage).await;
        fail(&stage, &id, &number.to_string()).await;
        failed.push(id);
    }
    let live = hidden(&stage).await;
    let told = async |timeout| {
        let outcome = stage.session.await_hidden(timeout).await.unwrap();
        let messages: Vec<_> = outcome.failed.into_iter().map(|task| task.error.unwrap().message).collect();
        (messages, outcome.live.len(), outcome.timed_out)
    };
    let all = || vec!["0".to_owned(), "1".to_owned(), "2".to_owned()];
    assert_eq!(told(Some(Duration::ZERO)).await, (all(), 1, true));
    stage.to(&live, State::Succeeded).await;
    assert_eq!(told(LONG).await, (all(), 0, false));
    let unknown = TaskId::new(stage.store.now(), [9; 10]);
    let noted = [failed[0].clone(), unknown, failed[2].clone(), failed[0].clone()];
    assert_eq!(stage.session.acknowledge_hidden(&noted).await.unwrap(), 2);
    assert_eq!(told(LONG).await.0, ["1"]);
    let listed = stage.task().await.id;
    let refused = stage.session.acknowledge_hidden(&[listed]).await.unwrap_err();
    assert!(matches!(refused, RunnerError::Store(StoreError::Rejected(_))), "{refused}");
}

crate::in_each_store!(
    hidden_tasks_are_waited_for_until_none_remain_new_ones_included,
    every_error_of_a_hidden_task_is_told_until_it_was_taken_note_of,
);
