//! What a sender is told when a message is not taken.
//! Does not test that a message arrives: `lifecycle` does.

use serde_json::json;
use taskwright_runner::SendError;
use taskwright_runner::registry::{Part, Rejection, Schema, State, TaskId, TaskUpdate};

use crate::stage::Stage;

fn word() -> Vec<Part> {
    vec![Part::Text("hello".to_owned())]
}

// L56
async fn a_kind_that_takes_no_messages_says_so_to_the_sender_and_is_still_answered(stage: Stage) {
    let new = stage.new_task("probe");
    let id = stage.create(taskwright_runner::registry::NewTask { takes_messages: false, ..new }).await.id;
    let error = stage.session.send(&id, word(), None).await.unwrap_err();
    assert_eq!(error, SendError::NotAccepting { id: id.clone(), kind: "probe".to_owned() });
    let page = taskwright_runner::store::MessagePage::default();
    assert_eq!(stage.session.messages(&id, &page).await.unwrap(), [], "nothing is recorded");
    stage.ask(&id).await;
    assert!(stage.session.answer(&id, Part::Text("this one".to_owned())).await.unwrap().answered);
}

// L23
async fn a_message_to_nobody_and_one_to_a_stranger_are_not_told_apart(stage: Stage) {
    let (foreign, nobody) = (stage.foreign().await.id, TaskId::new(stage.store.now(), [9; 10]));
    let mut said = Vec::new();
    for id in [foreign, nobody] {
        let error = stage.session.send(&id, word(), None).await.unwrap_err();
        assert!(matches!(error, SendError::NotFound { .. }), "{error}");
        said.push(error.to_string().replace(id.as_str(), "ID"));
    }
    assert_eq!(said[0], said[1]);
}

async fn a_message_to_a_task_that_is_over_says_how_it_ended(stage: Stage) {
    for state in [State::Succeeded, State::Failed, State::Canceled] {
        let id = stage.task().await.id;
        stage.to(&id, state).await;
        let error = stage.session.send(&id, word(), None).await.unwrap_err();
        assert_eq!(error, SendError::Terminated { id: id.clone(), state });
        assert!(error.to_string().contains(&format!("it is {state}")), "{error}");
    }
}

async fn a_full_inbox_is_told_apart_from_a_message_that_is_too_large(stage: Stage) {
    let id = stage.task().await.id;
    for _ in 0..1_000 {
        stage.session.send(&id, word(), None).await.unwrap();
    }
    let error = stage.session.send(&id, word(), None).await.unwrap_err();
    assert_eq!(error, SendError::Full { id: id.clone(), allowed: 1_000 });
    let other = stage.task().await.id;
    for bad in [vec![], vec![Part::Text("x".repeat(70_000))], vec![Part::Text("x".to_owned()); 65]] {
        let error = stage.session.send(&other, bad, None).await.unwrap_err();
        assert!(matches!(error, SendError::Refused { .. }), "{error}");
    }
}

async fn an_answer_that_is_not_as_expected_is_refused_with_the_place(stage: Stage) {
    let id = stage.task().await.id;
    let expected = Schema::new(json!({"type": "object", "properties": {"n": {"type": "integer"}}})).unwrap();
    let question = taskwright_runner::registry::NewInputRequest {
        prompt: "How many?".to_owned(),
        expected: Some(expected),
        random: [1; 10],
    };
    stage.update(&id, TaskUpdate { input_request: Some(question), ..TaskUpdate::default() }).await;
    let error = stage.session.answer(&id, Part::Data(json!({"n": "three"}))).await.unwrap_err();
    let taskwright_runner::RunnerError::Send(SendError::Refused { rejection, .. }) = &error else { panic!("{error}") };
    assert!(matches!(rejection, Rejection::Invalid { field, .. } if field == "answer/n"), "{rejection}");
}

crate::in_each_store!(
    a_kind_that_takes_no_messages_says_so_to_the_sender_and_is_still_answered,
    a_message_to_nobody_and_one_to_a_stranger_are_not_told_apart,
    a_message_to_a_task_that_is_over_says_how_it_ended,
    a_full_inbox_is_told_apart_from_a_message_that_is_too_large,
    an_answer_that_is_not_as_expected_is_refused_with_the_place,
);
