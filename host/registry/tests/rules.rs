//! Rules of the core that need an example of their own, beside the properties and the suite of the stores.
//! Does not repeat what the properties check.

use chrono::{DateTime, TimeDelta};
use serde_json::json;
use taskwright_registry::{
    Backoff, CancelMode, CancelPolicy, DispatchChange, Failure, HostId, HostRef, NewInputRequest, NewTask, Rejection,
    Retry, Schema, State, Supersede, Task, TaskError, TaskId, TaskUpdate, Timestamp, Usage, WakeCause, WakePolicy,
    apply, create, request_cancel, settle_failure, wake_text,
};

fn now() -> Timestamp {
    DateTime::from_timestamp_millis(1_800_000_000_000).expect("in range")
}

fn new() -> NewTask {
    NewTask::new(TaskId::new(now(), [1; 10]), "s".parse().expect("a session"), "kind", json!({}))
}

fn running(new: NewTask) -> Task {
    let host = HostRef { id: HostId::new(now(), [2; 10]), epoch: 1 };
    let claim = TaskUpdate { dispatch: Some(DispatchChange::Claim { host, code: None }), ..TaskUpdate::default() };
    apply(&create(new, now()).expect("a task"), claim, now()).expect("a claim").task
}

// L24
#[test]
fn a_word_that_is_no_state_is_an_error_that_names_them() {
    for word in ["cancelled", "Running", "", "done", " queued"] {
        let error = word.parse::<State>().unwrap_err().to_string();
        assert!(error.contains("awaiting_input") && error.contains("canceled"), "{error}");
    }
    for state in State::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
        assert_eq!(serde_json::to_value(state).unwrap(), json!(state.as_str()));
    }
}

// L44
#[test]
fn a_task_that_naps_over_and_over_is_woken_once_a_second_after_a_hundred_instances() {
    let host = HostRef { id: HostId::new(now(), [2; 10]), epoch: 1 };
    let mut task = running(new());
    let (mut at_once, mut after_a_second) = (0, 0);
    for _ in 0..120 {
        let down = TaskUpdate {
            dispatch: Some(DispatchChange::Hibernate { until: Some(now()), ignored: 0 }),
            usage: Usage { instances: 1, ..Usage::default() },
            ..TaskUpdate::default()
        };
        task = apply(&task, down, now()).expect("a nap").task;
        match task.dispatch.due_at.expect("a time") - now() {
            wait if wait.is_zero() => at_once += 1,
            wait if wait == TimeDelta::seconds(1) => after_a_second += 1,
            wait => panic!("{wait}"),
        }
        let claim = TaskUpdate {
            dispatch: Some(DispatchChange::Claim { host: host.clone(), code: None }),
            ..TaskUpdate::default()
        };
        task = apply(&task, claim, now()).expect("a claim").task;
    }
    assert_eq!((at_once, after_a_second), (100, 20));
}

// L2
#[test]
fn a_success_with_an_error_is_refused_and_not_trimmed() {
    let task = running(new());
    let error = Some(TaskError { detail: None, kind: "odd".to_owned(), message: String::new() });
    let update = TaskUpdate { state: Some(State::Succeeded), error, ..TaskUpdate::default() };
    assert!(matches!(apply(&task, update, now()), Err(Rejection::Invalid { .. })));
}

// L3, L28
#[test]
fn an_illegal_state_beside_a_question_is_refused() {
    let task = running(new());
    let ask = || NewInputRequest { prompt: "?".to_owned(), expected: None, random: [0; 10] };
    let both = |state| TaskUpdate { state: Some(state), input_request: Some(ask()), ..TaskUpdate::default() };
    let refused = apply(&task, both(State::Queued), now());
    assert_eq!(refused, Err(Rejection::Illegal { from: State::Running, to: State::Queued }));
    let asked = apply(&task, both(State::AwaitingInput), now()).unwrap().task;
    assert_eq!(asked.state, State::AwaitingInput);
}

// L16
#[test]
fn a_sleeper_is_looked_at_in_time_for_its_deadline_and_for_the_end_of_a_cancels_grace() {
    let at = |seconds| Some(now() + TimeDelta::seconds(seconds));
    let sleep = |task: &Task, until| {
        let dispatch = Some(DispatchChange::Hibernate { until, ignored: 0 });
        apply(task, TaskUpdate { dispatch, ..TaskUpdate::default() }, now()).unwrap().task.dispatch.due_at
    };
    let task = running(NewTask { deadline: at(50), ..new() });
    assert_eq!(sleep(&task, at(10)), at(10));
    assert_eq!(sleep(&task, None), at(50));
    for (mode, due_at) in [(CancelMode::Cooperative, at(20)), (CancelMode::Abort, at(0)), (CancelMode::External, None)]
    {
        let cancel_policy = CancelPolicy { mode, grace_ms: 20_000 };
        let task = running(NewTask { cancel_policy, ..new() });
        let (asked, _) = request_cancel(&task, None, now()).unwrap();
        let told = TaskUpdate { cancel_delivered: true, ..TaskUpdate::default() };
        let told = apply(&asked.task, told, now()).unwrap().task;
        assert_eq!(sleep(&told, None), due_at);
    }
}

// L22
#[test]
fn a_retry_that_would_pass_the_deadline_is_not_made() {
    let failure =
        |retry| Failure { error: TaskError { detail: None, kind: "x".to_owned(), message: String::new() }, retry };
    let deadline = Some(now() + TimeDelta::seconds(10));
    let task = running(NewTask { deadline, max_attempts: 5, ..new() });
    let settle = |retry| settle_failure(&task, failure(retry), Usage::default(), now(), 0.5).state;
    assert_eq!(settle(Retry::After(9_999)), None);
    assert_eq!(settle(Retry::After(10_000)), Some(State::Failed));
    assert_eq!(settle(Retry::After(u64::MAX)), Some(State::Failed));
    assert_eq!(settle(Retry::Never), Some(State::Failed));
}

// L17
#[test]
fn no_name_reads_like_the_beginning_of_an_id() {
    let named = |name: &str| create(NewTask { name: Some(name.to_owned()), ..new() }, now());
    for name in ["task_", "task_01a2239", "TASK_01A2", "01a22396", "deadbeef01"] {
        let refused = named(name).unwrap_err().to_string();
        assert!(refused.contains("beginning of a task's id"), "{refused}");
    }
    for name in ["task_runner", "add", "face", "01a22396-x", "task"] {
        assert!(named(name).is_ok(), "{name}");
    }
}

// L22
#[test]
fn a_kind_is_tried_again_at_once_a_few_times_only() {
    let error = || TaskError { detail: None, kind: "x".to_owned(), message: String::new() };
    let waits = |retries| {
        let mut task = running(NewTask { max_attempts: u32::MAX, ..new() });
        task.retries = retries;
        let failure = Failure { error: error(), retry: Retry::After(0) };
        let update = settle_failure(&task, failure, Usage::default(), now(), 1.0);
        let Some(Supersede::Retry { at }) = update.supersede else { panic!("{update:?}") };
        (at - now()).num_milliseconds()
    };
    assert_eq!((waits(0), waits(4)), (0, 0));
    assert_eq!((waits(5), waits(1_000_000)), (32_000, 60_000));
}

// L31
#[test]
fn a_backoff_that_could_not_be_stored_is_refused() {
    for factor in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let backoff = Backoff { factor, ..Backoff::default() };
        assert!(matches!(create(NewTask { backoff, ..new() }, now()), Err(Rejection::Invalid { .. })), "{factor}");
    }
}

// L31
#[test]
fn what_controls_a_terminal_is_removed_from_every_text() {
    let task =
        running(NewTask { display_name: "a\u{1b}[2Jb".to_owned(), wake_policy: WakePolicy::OnTerminal, ..new() });
    let update = TaskUpdate {
        summary: Some("\u{1b}]0;x\u{7}done \"now\"".to_owned()),
        state: Some(State::Succeeded),
        ..TaskUpdate::default()
    };
    let over = apply(&task, update, now()).unwrap();
    let record = serde_json::to_string(&over.task).unwrap();
    assert!(!record.contains("\\u001b") && !record.contains("\\u0007"), "{record}");
    // L18: what the kind wrote is labelled and cannot leave its quotation marks.
    let text = wake_text(&over.task, &over.wakes[0], None);
    assert_eq!(over.wakes, [WakeCause::Terminal { state: State::Succeeded }]);
    assert!(text.contains("untrusted text from the task: \"]0;xdone 'now'\""), "{text}");
}

// L7, L22
#[test]
fn a_task_that_is_attached_again_waits_for_no_retry() {
    let task = running(new());
    let at = now() + TimeDelta::seconds(60);
    let retry = TaskUpdate { supersede: Some(Supersede::Retry { at }), ..TaskUpdate::default() };
    let waiting = apply(&task, retry, now()).unwrap().task;
    let lost = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    let again = apply(&waiting, lost, now()).unwrap().task;
    assert_eq!((again.attempt, again.retry_at, again.dispatch.due_at), (3, None, Some(now())));
}

// L11
#[test]
fn a_schema_of_an_answer_is_checked_when_it_is_asked() {
    assert!(Schema::new(json!({"type": 5})).is_err());
    assert!(Schema::from_json("{\"type\": \"string\"}").is_ok());
}
