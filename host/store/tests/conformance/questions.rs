//! Questions to the session and their answers.
//! Does not test messages that answer nothing: `messages` does.

use serde_json::json;
use taskwright_registry::{NewInputRequest, NewMessage, Part, Rejection, Schema, State, Task, TaskUpdate};
use taskwright_store::{RecordedMessage, StoreError};

use crate::world::{World, to};

fn answer(world: &World, to: &str, part: Part) -> NewMessage {
    NewMessage { in_reply_to: Some(to.to_owned()), parts: vec![part], ..world.inbound("") }
}

fn open(task: &Task) -> String {
    task.input_request.as_ref().expect("an open question").id.to_string()
}

async fn record(world: &World, task: &Task, message: NewMessage) -> Result<RecordedMessage, StoreError> {
    world.store.record_message(&world.session, &task.id, message).await
}

// L10, L11, L13
async fn the_answer_resumes_the_task(world: World) {
    let task = world.in_state(State::AwaitingInput).await;
    let recorded = record(&world, &task, answer(&world, &open(&task), Part::Text("this".to_owned()))).await.unwrap();
    assert!(recorded.answered);
    assert_eq!((recorded.task.state, &recorded.task.input_request), (State::Running, &None));
    assert_eq!(world.get(&task).await, recorded.task);
    let log = world.log().await;
    let last: Vec<&str> = log.iter().rev().take(2).map(|event| event.body.type_name()).collect();
    assert_eq!(last, ["task.updated", "task.message.sent"]);
}

// L11, L29
async fn a_repeated_answer_is_told_that_it_answered(world: World) {
    let task = world.in_state(State::AwaitingInput).await;
    let message = answer(&world, &open(&task), Part::Text("this".to_owned()));
    let first = record(&world, &task, message.clone()).await.unwrap();
    let asked = world.update(&first.task, world.question(&first.task, "and now?")).await;
    let again = record(&world, &task, message).await.unwrap();
    assert!(again.answered);
    assert_eq!(again.task, asked, "the newer question is still open");
}

// L11
async fn an_answer_to_an_older_question_never_clears_a_newer(world: World) {
    let task = world.in_state(State::AwaitingInput).await;
    let older = open(&task);
    let task = world.update(&task, world.question(&task, "a second one?")).await;
    assert_ne!(open(&task), older);
    let recorded = record(&world, &task, answer(&world, &older, Part::Text("late".to_owned()))).await.unwrap();
    assert!(!recorded.answered);
    assert_eq!((recorded.task.state, open(&recorded.task)), (State::AwaitingInput, open(&task)));
    assert_eq!(recorded.task.dispatch.unread, 1, "it is kept as a message");
}

// L11
async fn only_an_inbound_answer_resumes(world: World) {
    let task = world.in_state(State::AwaitingInput).await;
    let own = NewMessage { in_reply_to: Some(open(&task)), ..world.outbound(task.fence(), "I answer myself") };
    assert!(!record(&world, &task, own).await.unwrap().answered);
    assert!(!record(&world, &task, world.inbound("no reference")).await.unwrap().answered);
    assert_eq!(world.get(&task).await.state, State::AwaitingInput);
}

// L3, L11, L13
async fn an_answer_that_is_not_as_expected_is_refused_whole(world: World) {
    let task = world.running().await;
    let expected = Schema::new(json!({"type": "object", "properties": {"n": {"type": "integer"}}})).unwrap();
    let request = NewInputRequest { prompt: "n?".to_owned(), expected: Some(expected), random: world.random() };
    let task = world.update(&task, TaskUpdate { input_request: Some(request), ..TaskUpdate::default() }).await;
    let before = world.all_of(&task).await;
    for wrong in [Part::Text("five".to_owned()), Part::Data(json!({"n": "five"}))] {
        let refused = record(&world, &task, answer(&world, &open(&task), wrong)).await;
        assert!(matches!(refused, Err(StoreError::Rejected(Rejection::Invalid { .. }))), "{refused:?}");
    }
    assert_eq!(world.all_of(&task).await, before);
    let right = answer(&world, &open(&task), Part::Data(json!({"n": 5})));
    assert!(record(&world, &task, right).await.unwrap().answered);
}

// L12
async fn no_id_of_a_question_is_used_twice(world: World) {
    let mut task = world.running().await;
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..6 {
        if round == 3 {
            world.clock.advance(-60_000);
        }
        // The same random bits every time.
        let request = NewInputRequest { prompt: "?".to_owned(), expected: None, random: [7; 10] };
        task = world.update(&task, TaskUpdate { input_request: Some(request), ..TaskUpdate::default() }).await;
        assert!(seen.insert(open(&task)));
        assert_eq!(seen.last(), Some(&open(&task)));
        task = world.update(&task, to(&task, State::Running)).await;
        assert_eq!(task.input_request, None);
    }
}

// L14
async fn an_outcome_beats_a_question_in_the_same_update(world: World, state: State) {
    if state.is_live() {
        return;
    }
    let task = world.running().await;
    let both = TaskUpdate { state: Some(state), ..world.question(&task, "?") };
    let after = world.update(&task, both).await;
    assert_eq!((after.state, after.input_request), (state, None));
}

for_every_store!(
    the_answer_resumes_the_task,
    a_repeated_answer_is_told_that_it_answered,
    an_answer_to_an_older_question_never_clears_a_newer,
    only_an_inbound_answer_resumes,
    an_answer_that_is_not_as_expected_is_refused_whole,
    no_id_of_a_question_is_used_twice,
);

mod in_every_state {
    use super::an_outcome_beats_a_question_in_the_same_update;
    for_every_store_and_state!(an_outcome_beats_a_question_in_the_same_update);
}
