//! Every step of the walkthrough, against the mock host.

use std::time::Duration;

use serde_json::{Value, json};
use taskwright_guest::mock::{Call, MockHost, Run, Status};
use taskwright_guest::{Progress, Retry};
use walkthrough::Walkthrough;

fn walk(steps: Value) -> Run<Walkthrough> {
    MockHost::new().start(json!({ "steps": steps }))
}

#[test]
fn a_walk_without_steps_succeeds() {
    assert_eq!(walk(json!([])).result::<Value>()["steps"], 0);
}

#[test]
fn the_steps_report_in_every_way() {
    let run = walk(json!([
        {"say": "hello"},
        {"state": "reporting"},
        {"progress": {"current": 1, "total": 3, "unit": "steps"}},
        {"post": "half way"},
        {"post_data": {"half": true}},
        {"link": ["r1", "r2"]},
        {"artifact": {"name": "a.txt", "text": "one"}},
        {"draft": {"name": "b.txt", "chunks": ["one", "two"]}},
        {"state": null},
    ]));
    let record = run.record();
    assert_eq!(record.output, "hello\n");
    assert_eq!(record.states, [Some("reporting".to_owned()), None]);
    assert_eq!(record.progress, [Progress::of(1).total(3).unit("steps")]);
    assert_eq!(record.posts.len(), 2);
    assert_eq!(record.resource_ids, ["r1", "r2"]);
    assert_eq!((record.artifact_text("a.txt"), record.artifact_text("b.txt")), ("one", "onetwo"));
    assert_eq!(run.result::<Value>()["steps"], 9);
}

#[test]
fn a_question_waits_resident_for_its_answer() {
    let mut run = walk(json!([{"ask": {"prompt": "Approve?", "expected": {"type": "boolean"}}}]));
    assert_eq!(run.question().unwrap().expected, Some(json!({"type": "boolean"})));
    run.answer(json!(true)).unwrap();
    assert_eq!(run.result::<Value>()["answers"], json!([true]));
}

#[test]
fn a_question_can_wait_without_an_instance() {
    let mut run = walk(json!([{"ask": {"prompt": "Approve?", "hibernating": true}}, {"say": "thanks"}]));
    assert_eq!(*run.status(), Status::Hibernating { until: None });
    run.send("not an answer").unwrap();
    assert_eq!(*run.status(), Status::Hibernating { until: None });
    run.answer("yes").unwrap();
    assert_eq!(run.result::<Value>()["answers"], json!(["yes"]));
    assert_eq!(run.calls(Call::RequestInput), 1);
}

#[test]
fn a_walk_goes_on_behind_its_last_step_when_it_is_attached_again() {
    let mut run = walk(json!([{"say": "once"}, {"ask": {"prompt": "Go on?"}}, {"say": "after"}]));
    run.reattach();
    run.answer("yes").unwrap();
    assert_eq!(run.record().output, "once\nafter\n");
    assert_eq!(run.calls(Call::RequestInput), 1);
    assert_eq!(run.result::<Value>()["attempt"], 2);
}

#[test]
fn a_walk_sleeps_resident_and_without_an_instance() {
    let mut run = walk(json!([{"sleep_ms": 50}, {"hibernate_ms": 1000}, {"say": "awake"}]));
    run.advance(Duration::from_millis(49));
    assert_eq!(*run.status(), Status::Running);
    run.advance(Duration::from_millis(1));
    assert!(matches!(run.status(), Status::Hibernating { until: Some(_) }));
    run.advance(Duration::from_millis(1000));
    assert_eq!(run.record().output, "awake\n");
    assert_eq!(run.result::<Value>()["wakes"], 1);
}

#[test]
fn a_walk_that_waits_goes_on_with_the_message_that_woke_it() {
    let mut run = walk(json!([{"wait": true}, {"say": "awake"}]));
    run.advance(Duration::from_secs(86_400));
    assert_eq!(*run.status(), Status::Hibernating { until: None });
    run.send("wake up").unwrap();
    assert_eq!(run.result::<Value>()["messages"], json!(["wake up"]));
}

#[test]
fn a_walk_that_stays_echoes_until_it_is_told_to_finish() {
    let mut run = walk(json!([{"receive": true}, {"stay": true}]));
    for text in ["one", "two", "finish"] {
        run.send(text).unwrap();
    }
    let posts = run.record().posts;
    assert_eq!(posts.iter().map(|post| post.text()).collect::<Vec<_>>(), ["echo: one", "echo: two"]);
    assert_eq!(run.result::<Value>()["messages"], json!(["one", "two", "finish"]));
}

#[test]
fn a_cancel_ends_every_kind_of_wait() {
    for step in [
        json!({"ask": {"prompt": "Approve?"}}),
        json!({"ask": {"prompt": "Approve?", "hibernating": true}}),
        json!({"sleep_ms": 1000}),
        json!({"hibernate_ms": 1000}),
        json!({"wait": true}),
        json!({"receive": true}),
        json!({"stay": true}),
    ] {
        let mut run = walk(json!([step, {"say": "never"}]));
        run.cancel(Some("enough")).unwrap();
        assert!(matches!(run.status(), Status::Canceled(Some(_))), "{step}: {:?}", run.status());
        assert_eq!(run.record().output, "");
    }
}

#[test]
fn a_walk_fails_as_it_is_told_until_the_attempt_is_late_enough() {
    let fail = json!({"kind": "flaky", "message": "try again", "retry": "backoff", "until_attempt": 2});
    let mut run = walk(json!([{"say": "once"}, {"fail": fail}]));
    assert_eq!((run.failure().kind.as_str(), run.failure().retry), ("flaky", Retry::Backoff));
    run.reattach();
    assert_eq!(run.record().output, "once\n");
    assert_eq!(run.result::<Value>()["attempt"], 2);
}

#[test]
fn a_failure_may_ask_for_a_time_or_for_no_retry() {
    let after = walk(json!([{"fail": {"kind": "x", "message": "y", "retry": {"after_ms": 200}}}]));
    assert_eq!(after.failure().retry, Retry::After(Duration::from_millis(200)));
    let never = walk(json!([{"fail": {"kind": "x", "message": "y"}}]));
    assert_eq!(never.failure().retry, Retry::Never);
}

#[test]
fn an_unknown_step_is_refused_with_its_name() {
    let run = walk(json!([{"fly": true}]));
    assert_eq!(run.failure().kind, "bad_spec");
    assert!(run.failure().message.contains("`fly`"), "{}", run.failure());
}

#[test]
fn a_key_is_the_same_until_the_next_attempt() {
    let steps = json!([
        {"key": "charge"},
        {"key": "charge"},
        {"fail": {"kind": "not_yet", "message": "later", "retry": "backoff", "until_attempt": 2}},
        {"key": "charge"},
    ]);
    let mut run = walk(steps);
    assert_eq!(run.failure().kind, "not_yet");
    run.reattach();
    assert_eq!(run.result::<Value>()["attempt"], 2);
    let output = run.record().output;
    let keys: Vec<&str> = output.lines().collect();
    assert!(keys.len() == 3 && keys.iter().all(|key| key.starts_with("tw_") && key.len() == 35), "{output}");
    assert!(keys[0] == keys[1] && keys[1] != keys[2], "{output}");
}
