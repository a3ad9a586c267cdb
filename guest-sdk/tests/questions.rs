//! Questions to the session: what an author relies on when a kind asks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use taskwright_guest::mock::{Call, MockHost, Status, spec_schema};
use taskwright_guest::{Description, Kind, Outcome, Refusal, Step, Task};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Spec {
    questions: Vec<String>,
}

/// Asks one question after the other.
struct Survey;

impl Kind for Survey {
    type Spec = Spec;
    type Output = Vec<String>;

    fn describe() -> Description {
        Description::new("survey", "0.1.0", "Asks.").can_reattach()
    }

    async fn start(task: Task<Spec>) -> Outcome<Vec<String>> {
        let mut answers = Vec::new();
        for question in &task.spec.questions {
            answers.push(task.ask(question).await?);
        }
        Ok(Step::done(answers))
    }
}

/// Asks for a number, typed.
struct Typed;

impl Kind for Typed {
    type Spec = serde_json::Value;
    type Output = u8;

    fn describe() -> Description {
        Description::new("typed", "0.1.0", "Asks for a number.")
    }

    async fn start(task: Task<serde_json::Value>) -> Outcome<u8> {
        Ok(Step::done(task.ask_for::<u8>("How many?").await?))
    }
}

/// Asks, leaves, and goes on when it is woken.
struct Patient;

impl Kind for Patient {
    type Spec = serde_json::Value;
    type Output = String;

    fn describe() -> Description {
        Description::new("patient", "0.1.0", "Waits without an instance.")
    }

    async fn start(task: Task<serde_json::Value>) -> Outcome<String> {
        task.sink().request_input("Approve?", None).await?;
        Ok(Step::Wait)
    }

    async fn reconcile(task: Task<serde_json::Value>) -> Outcome<String> {
        let first = task.ask("Approve?").await?;
        Ok(Step::done(format!("{first}, {}", task.ask("Really?").await?)))
    }
}

fn survey(questions: &[&str]) -> Spec {
    Spec { questions: questions.iter().map(ToString::to_string).collect() }
}

#[test]
fn an_answer_comes_back_from_ask() {
    let mut run = MockHost::new().start::<Survey>(survey(&["Who?", "Where?"]));
    assert_eq!(run.question().unwrap().prompt, "Who?");
    run.answer("Ada").unwrap();
    assert_eq!(run.question().unwrap().prompt, "Where?");
    run.answer("London").unwrap();
    assert_eq!(run.result::<Vec<String>>(), ["Ada", "London"]);
}

#[test]
fn a_question_that_is_still_pending_is_not_asked_again_by_the_next_attempt() {
    let mut run = MockHost::new().start::<Survey>(survey(&["Who?"]));
    let asked = run.question().unwrap();
    run.reattach();
    assert_eq!(run.question().unwrap(), asked);
    run.answer("Ada").unwrap();
    assert_eq!(run.result::<Vec<String>>(), ["Ada"]);
    assert_eq!(run.calls(Call::RequestInput), 1);
}

#[test]
fn a_pending_question_with_another_prompt_is_replaced() {
    let run = MockHost::new().pending("What?").start::<Survey>(survey(&["Who?"]));
    assert_eq!(run.question().unwrap().prompt, "Who?");
}

#[test]
fn the_same_prompt_twice_is_two_questions() {
    let mut run = MockHost::new().pending("Again?").start::<Survey>(survey(&["Again?", "Again?"]));
    run.answer("yes").unwrap();
    assert_eq!(run.calls(Call::RequestInput), 1);
    run.answer("no").unwrap();
    assert_eq!(run.result::<Vec<String>>(), ["yes", "no"]);
}

#[test]
fn the_answer_that_woke_an_instance_goes_to_the_first_question_it_asks() {
    let mut run = MockHost::new().start::<Patient>(json!(null));
    assert_eq!(*run.status(), Status::Hibernating { until: None });
    run.answer("yes").unwrap();
    assert_eq!(run.question().unwrap().prompt, "Really?");
    run.answer("really").unwrap();
    assert_eq!(run.result::<String>(), "yes, really");
    assert_eq!(run.calls(Call::RequestInput), 2);
}

#[test]
fn a_typed_question_tells_the_host_the_schema_of_its_type() {
    let mut run = MockHost::new().start::<Typed>(json!(null));
    let expected = run.question().unwrap().expected.unwrap();
    assert_eq!((&expected["type"], &expected["maximum"]), (&json!("integer"), &json!(255)));
    run.answer(json!(7)).unwrap();
    assert_eq!(run.result::<u8>(), 7);
}

#[test]
fn a_typed_answer_may_come_as_text() {
    let mut run = MockHost::new().start::<Typed>(json!(null));
    run.answer("7").unwrap();
    assert_eq!(run.result::<u8>(), 7);
}

#[test]
fn an_answer_of_the_wrong_type_fails_with_the_question_in_the_message() {
    let mut run = MockHost::new().start::<Typed>(json!(null));
    run.answer("seven").unwrap();
    assert_eq!(run.failure().kind, "unfit_answer");
    assert!(run.failure().message.contains("How many?"), "{}", run.failure());
}

#[test]
fn an_answer_gets_through_to_a_kind_that_takes_no_messages() {
    let mut run = MockHost::new().start::<Survey>(survey(&["Who?"]));
    assert_eq!(run.send("hello").unwrap_err().kind, "unsupported");
    run.answer("Ada").unwrap();
    assert_eq!(run.result::<Vec<String>>(), ["Ada"]);
}

#[test]
fn a_cancel_ends_the_wait_for_an_answer_and_with_a_question_mark_the_task() {
    let mut run = MockHost::new().start::<Survey>(survey(&["Who?"]));
    run.cancel(Some("never mind")).unwrap();
    assert_eq!(*run.status(), Status::Canceled(None));
}

#[test]
fn a_refused_question_is_a_failure_of_the_refusals_kind() {
    let run = MockHost::new().refuse(Call::RequestInput, Refusal::Superseded).start::<Survey>(survey(&["Who?"]));
    assert_eq!(run.failure().kind, "superseded");
}

#[test]
fn a_specification_that_does_not_fit_fails_with_the_reason() {
    let run = MockHost::new().start::<Survey>(json!({"questions": 3}));
    assert_eq!(run.failure().kind, "bad_spec");
    assert!(run.failure().message.contains("invalid type"), "{}", run.failure());
}

#[test]
fn the_schema_of_the_specification_comes_from_its_type() {
    let schema = spec_schema::<Survey>();
    assert_eq!(schema["properties"]["questions"]["type"], "array");
    assert_eq!(schema["required"], json!(["questions"]));
}
