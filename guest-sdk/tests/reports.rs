//! Reports through the sink, and what becomes of those that the host refuses.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use taskwright_guest::mock::{Call, MockHost, Status};
use taskwright_guest::{
    Artifact, Description, Kind, Limit, Links, OrFail, Outcome, Progress, Refusal, Retry, Step, Task,
};

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Position {
    line: u32,
}

/// Reports once in every way.
struct Reporter;

impl Kind for Reporter {
    type Spec = Value;
    type Output = Option<u32>;

    fn describe() -> Description {
        Description::new("reporter", "0.1.0", "Reports.").can_reattach()
    }

    async fn start(task: Task<Value>) -> Outcome<Option<u32>> {
        let sink = task.sink();
        let before: Option<Position> = task.checkpoint()?;
        sink.state("reporting").await?;
        sink.clear_state().await?;
        sink.progress(1, 2).await?;
        sink.report(Progress::of(2).unit("lines").label("the last")).await?;
        sink.output("one\n").await?;
        sink.output("two\n").await?;
        sink.post("done").await?;
        sink.draft("all.txt", "a").await?;
        sink.draft("all.txt", "b").await?;
        sink.artifact(Artifact::drafted("all.txt", "text/plain")).await?;
        sink.artifact(Artifact::text("one.txt", "1")).await?;
        sink.link(Links::resources(["r1", "r2"])).await?;
        sink.link(Links::resource("r1").child_session("s2").remote_task("t3")).await?;
        sink.checkpoint(&Position { line: 7 }).await?;
        Ok(Step::done(before.map(|position| position.line)).summary("all reported"))
    }
}

#[test]
fn what_a_kind_reports_is_recorded() {
    let run = MockHost::new().start::<Reporter>(json!({}));
    let record = run.record();
    assert_eq!(record.states, [Some("reporting".to_owned()), None]);
    assert_eq!(record.progress[0], Progress::of(1).total(2));
    assert_eq!(record.last_progress().unwrap().label.as_deref(), Some("the last"));
    assert_eq!(record.output, "one\ntwo\n");
    assert_eq!(record.posts[0].text(), "done");
    assert_eq!(record.artifact_text("all.txt"), "ab");
    assert_eq!(record.artifact_text("one.txt"), "1");
    assert_eq!(record.resource_ids, ["r1", "r2"]);
    assert_eq!((record.child_session_id.as_deref(), record.remote_task_id.as_deref()), (Some("s2"), Some("t3")));
    assert_eq!(record.last_checkpoint(), json!({"line": 7}));
    let Status::Succeeded(completion) = run.status() else { panic!("{:?}", run.status()) };
    assert_eq!(completion.summary.as_deref(), Some("all reported"));
}

#[test]
fn the_next_attempt_gets_the_checkpoint_of_the_last_one() {
    let mut run = MockHost::new().start::<Reporter>(json!({}));
    assert_eq!(run.result::<Option<u32>>(), None);
    run.reattach();
    assert_eq!(run.result::<Option<u32>>(), Some(7));
}

#[test]
fn a_checkpoint_of_another_type_is_a_failure_that_says_so() {
    let run = MockHost::new().checkpoint_bytes("{}").start::<Reporter>(json!({}));
    assert_eq!(run.failure().kind, "bad_checkpoint");
    assert!(run.failure().message.contains("line"), "{}", run.failure());
}

#[test]
fn a_question_mark_makes_a_failure_of_a_refusal() {
    let limit = Limit { dimension: "output_bytes".to_owned(), allowed: 4, wanted: 8 };
    let run = MockHost::new().refuse_from(Call::Output, 2, Refusal::LimitExceeded(limit)).start::<Reporter>(json!({}));
    assert_eq!((run.failure().kind.as_str(), run.failure().retry), ("limit_exceeded", Retry::Never));
    assert!(run.failure().message.contains("allows 4 of output_bytes"), "{}", run.failure());
    assert_eq!(run.record().output, "one\n");
}

#[test]
fn only_an_unavailable_store_is_worth_another_attempt() {
    let run = MockHost::new().refuse(Call::Post, Refusal::Unavailable).start::<Reporter>(json!({}));
    assert_eq!((run.failure().kind.as_str(), run.failure().retry), ("unavailable", Retry::Backoff));
}

#[test]
fn an_artifact_of_an_empty_draft_is_refused() {
    struct Hasty;
    impl Kind for Hasty {
        type Spec = Value;
        type Output = ();
        fn describe() -> Description {
            Description::new("hasty", "0.1.0", "Forgets the draft.")
        }
        async fn start(task: Task<Value>) -> Outcome<()> {
            task.sink().artifact(Artifact::drafted("none.txt", "text/plain")).await?;
            Ok(Step::finished())
        }
    }
    let run = MockHost::new().start::<Hasty>(json!({}));
    assert_eq!(run.failure().kind, "invalid");
}

#[test]
fn an_error_of_anybodys_can_be_given_a_word() {
    let failure = "x".parse::<u8>().or_fail("no_number").unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.retry), ("no_number", Retry::Never));
}
