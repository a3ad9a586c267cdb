//! Kinds with children against the mock host.
//! Does not run the children: a test says how they end.

use std::time::Duration;

use serde_json::{Value, json};
use taskwright_guest::mock::{Call, MockHost, Status};
use taskwright_guest::{ChildState, Description, Kind, NewChild, Outcome, Refusal, Step, Task, Want};

/// Has three pages counted and adds them up.
struct Adder;

impl Kind for Adder {
    type Spec = Value;
    type Output = u64;

    fn describe() -> Description {
        Description::new("adder", "0.1.0", "Adds up.").wants(Want::spawner("counters", "to count pages"))
    }

    async fn start(task: Task<Value>) -> Outcome<u64> {
        let mut sum = 0;
        let mut pages = Vec::new();
        for page in 0..3 {
            pages.push(task.spawn(NewChild::new(format!("page/{page}"), "count", json!({"page": page}))).await?);
        }
        for page in &pages {
            sum += page.output::<u64>().await?;
        }
        Ok(Step::done(sum))
    }
}

#[test]
fn a_parent_waits_for_its_children_in_whatever_order_they_end() {
    let mut run = MockHost::new().start::<Adder>(json!({}));
    assert_eq!(run.record().children.len(), 3);
    assert_eq!(run.record().children[1].new.spec, json!({"page": 1}));
    run.child_succeeds("page/2", 30);
    run.child_succeeds("page/0", 1);
    assert_eq!(run.status(), &Status::Running);
    run.child_succeeds("page/1", 2);
    assert_eq!(run.result::<u64>(), 33);
}

#[test]
fn a_further_attempt_finds_its_children_again() {
    let mut run = MockHost::new().start::<Adder>(json!({}));
    run.child_succeeds("page/0", 1);
    run.reattach();
    assert_eq!((run.record().children.len(), run.calls(Call::Spawn)), (3, 6));
    run.child_succeeds("page/1", 1);
    run.child_succeeds("page/2", 1);
    assert_eq!(run.result::<u64>(), 3);
}

#[test]
fn a_child_that_fails_and_one_that_is_refused_are_told_in_words() {
    let mut run = MockHost::new().start::<Adder>(json!({}));
    run.child_fails("page/0", "bad_page", "there is none");
    assert_eq!(run.failure().kind, "child_failed");
    assert!(run.failure().message.ends_with("failed: bad_page: there is none"), "{}", run.failure().message);
    let host = MockHost::new().refuse_from(Call::Spawn, 2, Refusal::Denied("no more".to_owned()));
    assert_eq!(host.start::<Adder>(json!({})).failure().kind, "denied");
}

/// Lies down until its child is over, and asks for its end when that takes too long.
struct Patient;

impl Kind for Patient {
    type Spec = Value;
    type Output = Value;

    fn describe() -> Description {
        Description::new("patient", "0.1.0", "Waits.")
    }

    async fn start(task: Task<Value>) -> Outcome<Value> {
        let child = task.spawn(NewChild::new("work", "count", json!({})).deadline(Duration::from_secs(60))).await?;
        if task.wait_any(std::slice::from_ref(&child), Some(Duration::from_secs(1))).await?.is_none() {
            child.send("hurry").await?;
        }
        Ok(Step::Wait)
    }

    async fn reconcile(task: Task<Value>) -> Outcome<Value> {
        let children = task.children().await?;
        assert!(children.iter().all(|child| child.state == ChildState::Succeeded));
        let child = task.spawn(NewChild::new("work", "count", json!({}))).await?;
        Ok(Step::done(child.result().await?.unwrap_or_default()))
    }
}

#[test]
fn the_end_of_a_child_wakes_a_task_that_has_lain_down() {
    let mut run = MockHost::new().start::<Patient>(json!({}));
    run.advance(Duration::from_secs(2));
    assert_eq!(run.status(), &Status::Hibernating { until: None });
    assert_eq!(run.record().children[0].messages.len(), 1);
    run.child_succeeds("work", "done");
    assert_eq!(run.result::<String>(), "done");
}
