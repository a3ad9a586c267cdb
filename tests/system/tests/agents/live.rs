//! Whether all tasks of a list are live, and whether any task is.
//! Does not wait for anything: `wait` does.

use taskwright_runner::registry::{Lineage, NewTask, State, TaskError, TaskId, TaskUpdate, Visibility};
use taskwright_runner::{Among, NotLive, RunnerError};

use crate::stage::Stage;

async fn a_list_of_live_tasks_is_live_whatever_they_do(stage: Stage) {
    let ids = stage.tasks(3).await;
    stage.to(&ids[1], State::Running).await;
    stage.ask(&ids[2]).await;
    stage.session.check_live(&ids).await.unwrap();
    stage.session.check_live(&[]).await.unwrap();
    let hidden = stage.create(NewTask { visibility: Visibility::Hidden, ..stage.new_task("probe") }).await.id;
    stage.session.check_live(&[hidden]).await.unwrap();
}

// L23
async fn the_first_that_is_not_live_is_named_and_a_stranger_is_like_nobody(stage: Stage) {
    let live = stage.task().await.id;
    let (foreign, nobody) = (stage.foreign().await.id, TaskId::new(stage.store.now(), [9; 10]));
    let mut said = Vec::new();
    for id in [&foreign, &nobody] {
        let error = stage.session.check_live(&[live.clone(), id.clone(), live.clone()]).await.unwrap_err();
        assert!(matches!(&error, NotLive::Unknown { id: named, .. } if named == id), "{error}");
        said.push(error.to_string().replace(id.as_str(), "ID"));
    }
    assert_eq!(said[0], said[1]);
}

async fn how_a_task_ended_is_told_apart_from_that_there_is_none(stage: Stage) {
    let ids = stage.tasks(3).await;
    for (id, state) in ids.iter().zip([State::Succeeded, State::Canceled]) {
        stage.to(id, state).await;
        let error = stage.session.check_live(&ids).await.unwrap_err();
        let expected = format!("task {} is over: it is succeeded;", ids[0]);
        assert!(error.to_string().starts_with(&expected), "the first of the list is named: {error}");
    }
    let error = TaskError { kind: "boom\u{1b}[2J".to_owned(), detail: None, message: "no".to_owned() };
    let failed = TaskUpdate { state: Some(State::Failed), error: Some(error), ..TaskUpdate::default() };
    stage.update(&ids[2], failed).await;
    let error = stage.session.check_live(&ids[2..]).await.unwrap_err();
    assert!(matches!(&error, NotLive::Over { state: State::Failed, error: Some(_), .. }), "{error:?}");
    assert!(error.to_string().contains("it is failed (boom[2J);"), "{error}");
}

async fn a_list_that_is_too_long_is_refused(stage: Stage) {
    let ids = vec![stage.task().await.id; 1_001];
    let error = stage.session.check_live(&ids).await.unwrap_err();
    assert!(matches!(error, NotLive::Runner(RunnerError::TaskList { given: 1_001, .. })), "{error}");
}

// L23
async fn whether_anything_is_live_is_told_of_a_session_a_run_and_a_parent(stage: Stage) {
    let has = async |among: &Among| stage.session.has_live(among).await.unwrap();
    stage.foreign().await;
    assert!(!has(&Among::Session).await, "what lives elsewhere does not count");
    let parent = stage.task().await.id;
    let lineage = Lineage { task_id: Some(parent.to_string()), run_id: Some("run-1".to_owned()), ..Lineage::default() };
    let hidden = NewTask { visibility: Visibility::Hidden, parent: lineage, ..stage.new_task("probe") };
    let child = stage.create(hidden).await.id;
    let scopes = [Among::Session, Among::Children(parent.clone()), Among::Run("run-1".to_owned())];
    for among in &scopes {
        assert!(has(among).await, "{among}");
    }
    for among in [Among::Children(child.clone()), Among::Run("run-2".to_owned())] {
        assert!(!has(&among).await, "{among}");
    }
    stage.to(&child, State::Succeeded).await;
    let mut told = Vec::new();
    for among in &scopes {
        told.push(has(among).await);
    }
    assert_eq!(told, [true, false, false], "its parent lives");
    stage.to(&parent, State::Canceled).await;
    assert!(!has(&Among::Session).await);
}

crate::in_each_store!(
    whether_anything_is_live_is_told_of_a_session_a_run_and_a_parent,
    a_list_of_live_tasks_is_live_whatever_they_do,
    the_first_that_is_not_live_is_named_and_a_stranger_is_like_nobody,
    how_a_task_ended_is_told_apart_from_that_there_is_none,
    a_list_that_is_too_long_is_refused,
);
