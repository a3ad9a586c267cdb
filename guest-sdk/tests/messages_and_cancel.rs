//! Messages, the cancel and the clock: what reaches a kind while it waits and while it works.

use std::time::Duration;

use serde_json::{Value, json};
use taskwright_guest::mock::{Call, MockHost, Status, Stimulus};
use taskwright_guest::{Description, Failure, Kind, Message, Outcome, Step, Task, clock};

/// Echoes messages until it is canceled.
struct Echo;

impl Kind for Echo {
    type Spec = Value;
    type Output = ();

    fn describe() -> Description {
        Description::new("echo", "0.1.0", "Echoes.").takes_messages()
    }

    async fn start(task: Task<Value>) -> Outcome<()> {
        let mut count = 0;
        while let Some(message) = task.messages().next().await {
            count += 1;
            task.sink().reply(&message, message.text()).await?;
        }
        Ok(Step::canceled(format!("echoed {count}")))
    }
}

/// Works without waiting, and looks for a cancel after each piece.
struct Busy;

impl Kind for Busy {
    type Spec = u64;
    type Output = u64;

    fn describe() -> Description {
        Description::new("busy", "0.1.0", "Works.").takes_messages()
    }

    async fn start(task: Task<u64>) -> Outcome<u64> {
        for piece in 0..task.spec {
            if let Some(cancel) = task.cancel_requested() {
                return Ok(Step::canceled(format!("{piece} done, {}", cancel.reason.unwrap_or_default())));
            }
            if let Some(message) = task.messages().try_next() {
                task.sink().reply(&message, format!("{piece} done")).await?;
            }
            task.sink().progress(piece + 1, task.spec).await?;
        }
        Ok(Step::done(task.spec))
    }
}

/// Looks at the clock once an hour, resident or not.
struct Hourly;

const HOUR: Duration = Duration::from_secs(3600);

impl Kind for Hourly {
    type Spec = bool;
    type Output = u64;

    fn describe() -> Description {
        Description::new("hourly", "0.1.0", "Waits.")
    }

    async fn start(task: Task<bool>) -> Outcome<u64> {
        if !task.spec {
            return Ok(Step::Sleep(HOUR));
        }
        let before = clock::now();
        task.sleep(HOUR).await?;
        Ok(Step::done(clock::now() - before))
    }

    async fn reconcile(task: Task<bool>) -> Outcome<u64> {
        Ok(Step::done(clock::now() - task.info.created_at))
    }
}

/// Has functions of its own for messages and cancel.
struct Own;

impl Kind for Own {
    type Spec = Value;
    type Output = ();

    fn describe() -> Description {
        Description::new("own", "0.1.0", "Overrides.")
    }

    async fn start(task: Task<Value>) -> Outcome<()> {
        task.cancelled().await;
        task.sink().output("start heard it").await?;
        Ok(Step::canceled("stopped"))
    }

    async fn deliver(task: Task<Value>, message: Message) -> Result<(), Failure> {
        task.sink().output(message.text()).await?;
        Err(Failure::new("moody", "not today"))
    }

    async fn cancel(task: Task<Value>) -> Result<(), Failure> {
        Ok(task.sink().state("tidying up").await?)
    }
}

#[test]
fn messages_reach_a_kind_that_waits_for_them_in_order() {
    let mut run = MockHost::new().start::<Echo>(json!({}));
    run.send("one").unwrap();
    run.send(json!({"two": 2})).unwrap();
    let posts = run.record().posts;
    assert_eq!(posts.iter().map(|post| post.text()).collect::<Vec<_>>(), ["one", r#"{"two":2}"#]);
    assert!(posts.iter().all(|post| post.in_reply_to.is_some()));
}

#[test]
fn the_messages_end_when_the_task_is_canceled() {
    let mut run = MockHost::new().start::<Echo>(json!({}));
    run.send("one").unwrap();
    run.cancel(None).unwrap();
    assert_eq!(*run.status(), Status::Canceled(Some("echoed 1".to_owned())));
}

#[test]
fn a_kind_that_works_hears_a_message_at_its_next_report() {
    let host = MockHost::new().at(Call::Progress, 3, Stimulus::message("status"));
    let run = host.start::<Busy>(10);
    assert_eq!(run.record().posts[0].text(), "3 done");
    assert_eq!(run.result::<u64>(), 10);
}

#[test]
fn a_kind_that_works_sees_a_cancel_at_its_next_look() {
    let host = MockHost::new().at(Call::CancelRequested, 4, Stimulus::cancel("enough"));
    let run = host.start::<Busy>(10);
    assert_eq!(*run.status(), Status::Canceled(Some("3 done, enough".to_owned())));
}

#[test]
fn a_resident_sleep_follows_the_fake_clock() {
    let mut run = MockHost::new().start::<Hourly>(true);
    run.advance(Duration::from_secs(3599));
    assert_eq!(*run.status(), Status::Running);
    run.advance(Duration::from_secs(1));
    assert_eq!(run.result::<u64>(), 3_600_000);
}

#[test]
fn a_cancel_ends_a_resident_sleep() {
    let mut run = MockHost::new().start::<Hourly>(true);
    run.cancel(None).unwrap();
    assert_eq!(*run.status(), Status::Canceled(None));
}

#[test]
fn a_hibernating_task_is_woken_by_the_fake_clock() {
    let mut run = MockHost::new().start::<Hourly>(false);
    assert!(matches!(run.status(), Status::Hibernating { until: Some(_) }));
    run.advance(2 * HOUR);
    assert_eq!(run.result::<u64>(), 3_600_000);
}

#[test]
fn a_kind_of_its_own_mind_takes_messages_and_the_cancel_itself() {
    let mut run = MockHost::new().start::<Own>(json!({}));
    assert_eq!(run.send("hello").unwrap_err().kind, "moody");
    run.cancel(None).unwrap();
    let record = run.record();
    assert_eq!(record.output, "hellostart heard it");
    assert_eq!(record.states, [Some("tidying up".to_owned())]);
    assert_eq!(*run.status(), Status::Canceled(Some("stopped".to_owned())));
}

#[test]
fn a_kind_that_hibernates_without_a_reconcile_is_told_so() {
    struct Forgetful;
    impl Kind for Forgetful {
        type Spec = Value;
        type Output = ();
        fn describe() -> Description {
            Description::new("forgetful", "0.1.0", "Forgot something.").takes_messages()
        }
        async fn start(_: Task<Value>) -> Outcome<()> {
            Ok(Step::Wait)
        }
    }
    let mut run = MockHost::new().start::<Forgetful>(json!({}));
    run.send("wake up").unwrap();
    assert_eq!(run.failure().kind, "unsupported");
    assert!(run.failure().message.contains("reconcile"), "{}", run.failure());
}
