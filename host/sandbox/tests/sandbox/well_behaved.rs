//! Guests that do what a guest is meant to do.
//! Nothing here is about limits or files.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use taskwright_registry::{Cancel, Part, Progress, Reattach, Retry};
use taskwright_sandbox::{AttemptError, OutputStream, Step, StopReason, TaskContext};
use taskwright_test_guests as guests;

use crate::support::*;

pub(crate) mod honest {
    use super::*;

    #[tokio::test]
    async fn an_honest_guest_reports_and_succeeds() {
        let mut running = plain(guests::HONEST).await;
        let step = running.instance.start(context()).await.unwrap();
        assert_eq!(step, Step::Succeeded { summary: Some("done".to_owned()), result: Some(json!({"n": 1})) });
        let progress = Progress { current: 1, total: Some(2), unit: Some("steps".to_owned()), label: None };
        assert_eq!(
            running.rest(),
            [
                Report::State(Some("working".to_owned())),
                Report::Progress(progress),
                Report::Output(OutputStream::Output, "hello test-guest\n".to_owned()),
                Report::Post(vec![Part::Text("hi".to_owned()), Part::Data(json!({"n": 1}))]),
            ]
        );
        let usage = running.instance.usage();
        assert_eq!((usage.host_calls, usage.messages, usage.output_bytes, usage.instances), (4, 1, 17, 1));
        assert!(usage.memory_peak_bytes >= 64 * 1024, "{usage:?}");
        running.instance.stop(StopReason::Done);
        running.instance.stopped().await;
        assert_eq!(running.instance.start(context()).await, Err(AttemptError::Stopped(StopReason::Done)));
    }

    #[tokio::test]
    async fn dropping_the_last_handle_drops_the_instance() {
        let mut running = plain(guests::IGNORES_CANCEL).await;
        let start = running.start();
        running.next().await;
        let second = running.instance.clone();
        let (instance, mut reports) = (running.instance, running.reports);
        drop((instance, running.host));
        start.abort();
        let _ = start.await;
        drop(second);
        // The host's end of the reports is in the store.
        assert_eq!(reports.recv().await, None);
    }
}

pub(crate) mod works {
    use super::*;

    #[tokio::test]
    async fn a_guest_that_computes_and_reports_stays_within_what_it_is_allowed_by_default() {
        let mut running = plain(guests::WORKS).await;
        assert_eq!(summary(running.instance.start(context()).await).len(), 16);
        assert_eq!(running.rest().len(), 50);
        let usage = running.instance.usage();
        assert!(usage.cpu_ms > 0 && usage.memory_peak_bytes > 1 << 19, "{usage:?}");
    }
}

pub(crate) mod resident {
    use super::*;

    #[tokio::test]
    async fn a_message_reaches_a_guest_that_is_suspended_in_start() {
        let mut running = plain(guests::RESIDENT).await;
        let start = running.start();
        assert_eq!(running.next().await, Report::State(Some("waiting".to_owned())));
        running.instance.deliver(context(), message("good news")).await.unwrap();
        assert_eq!(summary(start.await.unwrap()), "good news");
    }

    // L16
    #[tokio::test]
    async fn what_comes_after_the_work_has_returned_is_not_called_and_is_for_the_next_instance() {
        let running = plain(guests::RESIDENT).await;
        let task = TaskContext { checkpoint: Some(b"other".to_vec()), ..context() };
        assert_eq!(running.instance.reconcile(task).await, Ok(Step::Wait));
        assert_eq!(running.instance.deliver(context(), message("late")).await, Err(AttemptError::Returned));
        assert_eq!(running.instance.cancel(context()).await, Err(AttemptError::Returned));
    }

    #[tokio::test]
    async fn a_fresh_instance_takes_a_message_before_it_reconciles_from_its_checkpoint() {
        let running = plain(guests::RESIDENT).await;
        running.instance.deliver(context(), message("early")).await.unwrap();
        let mut task = context();
        task.checkpoint = Some(b"sleep".to_vec());
        assert_eq!(running.instance.reconcile(task.clone()).await, Ok(Step::Sleep(Duration::from_millis(1_500))));
        task.checkpoint = Some(b"other".to_vec());
        assert_eq!(running.instance.reconcile(task.clone()).await, Ok(Step::Wait));
        task.checkpoint = None;
        let Err(AttemptError::Guest(failure)) = running.instance.reconcile(task).await else { panic!() };
        assert_eq!(failure.error.kind, "no_checkpoint");
    }
}

pub(crate) mod dirty_texts {
    use super::*;

    /// A question that takes so many turns of the runtime to be kept, and an answer that comes so many turns after it was asked.
    /// Whether the work saw it.
    async fn is_seen(asking: usize, turns: usize) -> bool {
        let mut running = plain(guests::DIRTY_TEXTS).await;
        running.host.asking.store(asking, Ordering::Relaxed);
        let instance = running.instance.clone();
        let start = tokio::spawn(async move { instance.start(context_with(json!("asks"))).await });
        while !matches!(running.next().await, Report::Ask(..)) {}
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let delivered = running.instance.deliver(context(), message("yes")).await;
        let (step, when) = (start.await.unwrap().unwrap(), format!("{asking} and {turns} turns"));
        match step {
            Step::Wait => assert_eq!(delivered, Err(AttemptError::Returned), "{when}: nobody has seen it"),
            _ => assert!(matches!(delivered, Err(AttemptError::Guest(_))), "{when}: {delivered:?}"),
        }
        step != Step::Wait
    }

    // L16
    #[tokio::test]
    async fn an_answer_that_counts_as_taken_was_seen_by_the_work_whenever_it_came() {
        let (mut seen, mut late) = (0, 0);
        for (asking, turns) in (0..10).flat_map(|asking| (0..10).map(move |turns| (asking, turns))) {
            *(if is_seen(asking, turns).await { &mut seen } else { &mut late }) += 1;
        }
        assert!(seen > 0 && late > 0, "{seen} were seen, {late} came late");
    }

    // L16
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_answer_from_another_thread_that_counts_as_taken_was_seen_by_the_work() {
        // Those that come when the question has just been kept meet the work on its way out, about one of a thousand too late.
        for round in 0..2_000 {
            let turns = round % 10;
            is_seen(turns + 4 + round % 5, turns).await;
        }
    }
}

pub(crate) mod cancel_listener {
    use super::*;

    #[tokio::test]
    async fn a_cancel_reaches_a_guest_that_is_suspended_in_start() {
        let mut running = plain(guests::CANCEL_LISTENER).await;
        let start = running.start();
        running.next().await;
        let mut task = context();
        task.task.cancel = Some(Cancel { requested_at: now(), reason: Some("enough".to_owned()) });
        running.instance.cancel(task).await.unwrap();
        assert_eq!(start.await.unwrap(), Ok(Step::Canceled { summary: Some("enough".to_owned()) }));
    }
}

pub(crate) mod busy_listener {
    use super::*;

    #[tokio::test]
    async fn a_guest_that_only_ever_reports_hears_a_message_and_a_cancel() {
        let mut running = plain(guests::BUSY_LISTENER).await;
        let start = running.start();
        running.next().await;
        running.instance.deliver(context(), message("x")).await.unwrap();
        assert_eq!(summary(start.await.unwrap()), "message");

        let mut running = plain(guests::BUSY_LISTENER).await;
        let start = running.start();
        running.next().await;
        running.instance.cancel(context()).await.unwrap();
        assert_eq!(summary(start.await.unwrap()), "cancel");
    }
}

pub(crate) mod polls_cancel {
    use super::*;

    #[tokio::test]
    async fn a_guest_that_computes_sees_the_wish_to_cancel_without_a_call() {
        let mut running = plain(guests::POLLS_CANCEL).await;
        let start = running.start();
        running.next().await;
        *running.host.cancel.lock().unwrap() = Some(Cancel { requested_at: now(), reason: Some("look".to_owned()) });
        assert_eq!(start.await.unwrap(), Ok(Step::Canceled { summary: Some("look".to_owned()) }));
    }
}

pub(crate) mod fails {
    use super::*;

    #[tokio::test]
    async fn a_failure_of_the_guest_keeps_its_wish_for_a_retry_and_cannot_pass_for_one_of_the_host() {
        let (result, _) = run(guests::FAILS, Default::default()).await;
        let failure = result.unwrap_err().into_failure();
        assert_eq!(failure.error.kind, "guest_trap");
        assert_eq!(failure.error.message, "not really");
        assert_eq!(failure.retry, Retry::After(250));
    }
}

pub(crate) mod bad_result {
    use super::*;

    #[tokio::test]
    async fn a_result_that_is_no_json_is_an_invalid_result() {
        let (result, _) = run(guests::BAD_RESULT, Default::default()).await;
        let failure = result.unwrap_err().into_failure();
        assert_eq!(failure.error.kind, "invalid_result");
        assert!(failure.error.message.contains("result") && failure.error.message.contains("not JSON"), "{failure:?}");
    }
}

pub(crate) mod bad_arguments {
    use super::*;

    #[tokio::test]
    async fn every_bad_argument_is_refused_with_its_place_and_reaches_no_host() {
        let (result, mut running) = run(guests::BAD_ARGUMENTS, Default::default()).await;
        assert_eq!(summary(result), "refused");
        let reports = running.rest();
        let [Report::Output(_, text)] = reports.as_slice() else { panic!("{reports:?}") };
        let lines: Vec<&str> = text.lines().collect();
        for (line, expected) in lines.iter().zip([
            "state_detail_bytes",
            "parts[0]: not JSON",
            "parts: a message needs at least one",
            "expected: not a usable JSON Schema",
            "name: must not",
            "name: must not begin with a dot",
            "checkpoint_bytes",
        ]) {
            assert!(line.starts_with("Err(") && line.contains(expected), "{line}\n{expected}");
        }
        assert_eq!(lines.len(), 7);
    }
}

pub(crate) mod printer {
    use super::*;

    #[tokio::test]
    async fn what_a_guest_prints_becomes_output_in_lines_before_it_ends() {
        let (result, mut running) = run(guests::PRINTER, Default::default()).await;
        assert_eq!(summary(result), "printed");
        let reports = running.rest();
        let printed: Vec<_> = reports
            .into_iter()
            .map(|report| match report {
                Report::Output(stream, text) => (stream, text),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            printed,
            [
                (OutputStream::Stdout, "one\n".to_owned()),
                (OutputStream::Stderr, "two\n".to_owned()),
                (OutputStream::Stdout, "three".to_owned()),
            ]
        );
    }
}

pub(crate) mod drafter {
    use super::*;
    use taskwright_registry::{Links, Schema};
    use taskwright_sandbox::{ArtifactContent, NewArtifact};

    #[tokio::test]
    async fn drafts_artifacts_links_checkpoints_and_questions_reach_the_host() {
        let (result, mut running) = run(guests::DRAFTER, Default::default()).await;
        assert_eq!(summary(result), "inreq_1");
        let artifact = |name: &str, content| {
            let (name, media_type) = (name.to_owned(), "text/plain".to_owned());
            Report::Artifact(NewArtifact { name, media_type, content })
        };
        let links = Links {
            child_session_id: Some("child".to_owned()),
            remote_task_id: None,
            resource_ids: vec!["a".to_owned(), "b".to_owned()],
        };
        assert_eq!(
            running.rest(),
            [
                Report::Draft("log.txt".to_owned(), b"one".to_vec()),
                Report::Draft("log.txt".to_owned(), b"two".to_vec()),
                artifact("log.txt", ArtifactContent::Draft),
                artifact("raw.bin", ArtifactContent::Bytes(vec![1, 2, 3])),
                artifact("elsewhere", ArtifactContent::Url("https://example.org/x".to_owned())),
                Report::Link(links),
                Report::Checkpoint(b"here".to_vec()),
                Report::Ask("Go on?".to_owned(), Some(Schema::new(json!({"type": "boolean"})).unwrap())),
            ]
        );
        assert_eq!(running.instance.usage().artifact_bytes, 9);
    }
}

pub(crate) mod host_bound {
    use super::*;

    #[tokio::test]
    async fn a_kind_that_cannot_be_taken_up_again_says_so_and_notes_its_attempt() {
        let mut running = plain(guests::HOST_BOUND).await;
        assert_eq!(kind(guests::HOST_BOUND).await.description().reattach, Reattach::Never);
        let start = running.start();
        assert_eq!(running.next().await, Report::Checkpoint(b"1".to_vec()));
        assert_eq!(running.next().await, Report::Output(OutputStream::Output, "attempt 1\n".to_owned()));
        let refused = running.instance.deliver(context(), message("stop")).await;
        assert!(matches!(refused, Err(AttemptError::Guest(_))), "{refused:?}");
        running.instance.deliver(context(), message("finish")).await.unwrap();
        assert_eq!(start.await.unwrap(), Ok(Step::Succeeded { summary: None, result: Some(json!([1])) }));
    }

    #[tokio::test]
    async fn its_wait_ends_when_a_cancel_is_wanted() {
        let mut running = plain(guests::HOST_BOUND).await;
        let start = running.start();
        running.next().await;
        *running.host.cancel.lock().unwrap() = Some(Cancel { requested_at: now(), reason: Some("enough".to_owned()) });
        assert_eq!(start.await.unwrap(), Ok(Step::Canceled { summary: Some("enough".to_owned()) }));
    }
}

pub(crate) mod reattach_as_spec {
    use super::*;

    #[tokio::test]
    async fn a_kind_leaves_it_to_the_specification_whether_a_task_can_be_taken_up_again() {
        let kind = kind(guests::REATTACH_AS_SPEC).await;
        let reattach = &kind.description().reattach;
        assert_eq!(*reattach, Reattach::AsSpec("/resume".to_owned()));
        assert!(reattach.allows(&json!({"resume": true})));
        assert!(!reattach.allows(&json!({"resume": false})) && !reattach.allows(&json!({})));
    }

    #[tokio::test]
    async fn a_further_attempt_goes_on_from_the_checkpoint_of_the_one_before() {
        let mut first = plain(guests::REATTACH_AS_SPEC).await;
        first.start();
        let Report::Checkpoint(checkpoint) = first.next().await else { panic!("it begins with its checkpoint") };
        first.instance.stop(StopReason::Drain);

        let second = plain(guests::REATTACH_AS_SPEC).await;
        let mut task = context();
        (task.task.attempt, task.checkpoint) = (2, Some(checkpoint));
        second.instance.deliver(task.clone(), message("finish")).await.unwrap();
        let step = second.instance.start(task).await.unwrap();
        assert_eq!(step, Step::Succeeded { summary: None, result: Some(json!([1, 2])) });
    }
}

pub(crate) mod asks_for_keys {
    use super::*;
    use taskwright_registry::idempotency_key;
    use taskwright_sandbox::TaskContext;

    /// What a fresh instance is told when it asks twice.
    async fn told(task: TaskContext) -> Vec<String> {
        let mut running = plain(guests::ASKS_FOR_KEYS).await;
        assert_eq!(summary(running.instance.start(task).await), "asked");
        let texts = running.rest().into_iter().map(|report| match report {
            Report::Output(OutputStream::Output, text) => text,
            other => panic!("{other:?}"),
        });
        texts.collect()
    }

    #[tokio::test]
    async fn a_call_has_one_key_in_every_instance_of_an_attempt_and_another_in_the_next() {
        let mut task = context_with(json!("charge"));
        let key = |attempt| idempotency_key(&context().task.id, attempt, "\"charge\"");
        assert_eq!(told(task.clone()).await, [key(1), key(1)]);
        assert_eq!(told(task.clone()).await, [key(1), key(1)]);
        task.task.attempt = 2;
        assert_eq!(told(task).await, [key(2), key(2)]);
        assert_ne!(key(1), key(2));
    }

    #[tokio::test]
    async fn a_name_of_a_call_that_is_too_long_ends_the_attempt_with_the_limit() {
        // The quotation marks count.
        assert_eq!(told(context_with(json!("x".repeat(254)))).await.len(), 2);
        let running = plain(guests::ASKS_FOR_KEYS).await;
        let error = running.instance.start(context_with(json!("x".repeat(255)))).await.unwrap_err();
        assert_eq!(error, AttemptError::Exhausted { dimension: "idempotent_call_bytes", allowed: 256, used: 257 });
    }
}
