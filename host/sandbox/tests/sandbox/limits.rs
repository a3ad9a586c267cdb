//! Every dimension of the budget with a guest that goes over it.
//! CPU and wall time are in `hostile`.

use taskwright_registry::Retry;
use taskwright_sandbox::{AttemptError, Budget, Grants, OutputStream, Sandbox, SandboxConfig, StopReason};
use taskwright_test_guests as guests;

use crate::support::*;

pub(crate) mod memory {
    use super::*;

    #[tokio::test]
    async fn a_guest_that_takes_all_memory_is_told_to_have_done_so() {
        let (result, running) = run(guests::MEMORY, Budget { memory_bytes: 32 << 20, ..Budget::default() }).await;
        let error = result.unwrap_err();
        let AttemptError::Exhausted { dimension: "memory_bytes", allowed, used } = error else { panic!("{error:?}") };
        assert_eq!(allowed, 32 << 20);
        assert!(used > allowed);
        let peak = running.instance.usage().memory_peak_bytes;
        assert!((30 << 20..=32 << 20).contains(&peak), "{peak}");
    }

    #[tokio::test]
    async fn a_guest_whose_first_memory_is_too_large_does_not_begin() {
        let (result, _) = run(guests::MEMORY, Budget { memory_bytes: 1 << 16, ..Budget::default() }).await;
        let error = result.unwrap_err();
        assert!(matches!(error, AttemptError::Exhausted { dimension: "memory_bytes", .. }), "{error:?}");
    }
}

pub(crate) mod hoarder {
    use super::*;

    #[tokio::test]
    async fn what_guests_hold_is_counted_for_all_of_them_and_comes_back() {
        let sandbox = Sandbox::new(SandboxConfig { guest_memory_bytes: 64 << 20, ..SandboxConfig::default() }).unwrap();
        let kind = sandbox.load(guests::HOARDER).await.unwrap();
        let host = plain(guests::HONEST).await.host;
        let instance = kind.instantiate(host, Budget::default(), Grants::default());
        let mut task = context();
        task.task.spec = serde_json::json!(20);
        let start = tokio::spawn({
            let instance = instance.clone();
            async move { instance.start(task).await }
        });
        while sandbox.memory_in_use() < 20 << 20 {
            tokio::task::yield_now().await;
        }
        assert!(sandbox.memory_in_use() < 24 << 20, "{}", sandbox.memory_in_use());
        instance.stop(StopReason::Done);
        instance.stopped().await;
        start.await.unwrap().unwrap_err();
        assert_eq!(sandbox.memory_in_use(), 0);
        sandbox.wait_for_memory(64 << 20).await;
    }

    #[tokio::test]
    async fn a_guest_that_wants_more_than_all_may_have_is_told_at_once_and_may_be_tried_again() {
        let sandbox = Sandbox::new(SandboxConfig { guest_memory_bytes: 8 << 20, ..SandboxConfig::default() }).unwrap();
        let kind = sandbox.load(guests::HOARDER).await.unwrap();
        let host = plain(guests::HONEST).await.host;
        let instance = kind.instantiate(host, Budget::default(), Grants::default());
        let mut task = context();
        task.task.spec = serde_json::json!(20);
        let error = instance.start(task).await.unwrap_err();
        assert!(matches!(error, AttemptError::NoMemory { begun: true, .. }), "{error:?}");
        let failure = error.into_failure();
        assert_eq!((failure.error.kind.as_str(), failure.retry), ("no_memory", Retry::Backoff));
        assert!(failure.error.message.contains("sandbox.guest_memory_bytes"), "{}", failure.error.message);
    }
}

pub(crate) mod polite_memory {
    use super::*;

    #[tokio::test]
    async fn a_guest_that_takes_a_no_goes_on() {
        let (result, _) = run(guests::POLITE_MEMORY, Budget { memory_bytes: 32 << 20, ..Budget::default() }).await;
        let mebibytes: u64 = summary(result).parse().unwrap();
        assert!((20..32).contains(&mebibytes), "{mebibytes}");
    }
}

pub(crate) mod output_flood {
    use super::*;

    #[tokio::test]
    async fn output_beyond_the_budget_is_refused_and_the_guest_goes_on() {
        let (result, running) = run(guests::OUTPUT_FLOOD, Budget { output_bytes: 10_500, ..Budget::default() }).await;
        let refusal = summary(result);
        for part in ["LimitExceeded", "output_bytes", "allowed: 10500", "wanted: 11000"] {
            assert!(refusal.contains(part), "{refusal}");
        }
        assert_eq!(running.instance.usage().output_bytes, 10_000);
    }
}

pub(crate) mod print_flood {
    use super::*;

    #[tokio::test]
    async fn what_is_printed_beyond_the_budget_is_dropped_with_one_note() {
        let (result, mut running) =
            run(guests::PRINT_FLOOD, Budget { output_bytes: 10_000, ..Budget::default() }).await;
        assert_eq!(summary(result), "printed");
        let reports = running.rest();
        let (mut printed, mut notes) = (0, 0);
        for report in reports {
            match report {
                Report::Output(OutputStream::Stdout, text) => printed += text.len(),
                Report::Output(OutputStream::Stderr, text) => {
                    assert!(text.contains("output_bytes reached"), "{text}");
                    notes += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((printed, notes), (10_000, 1));
    }
}

pub(crate) mod host_call_flood {
    use super::*;

    #[tokio::test]
    async fn too_many_host_calls_end_the_attempt() {
        let (result, _) = run(guests::HOST_CALL_FLOOD, Budget { host_calls: 1_000, ..Budget::default() }).await;
        assert_eq!(result, Err(AttemptError::Exhausted { dimension: "host_calls", allowed: 1_000, used: 1_001 }));
    }

    #[tokio::test]
    async fn a_guest_that_reports_too_fast_is_made_to_wait() {
        let budget = Budget { host_calls_per_second: 50, output_bytes: 75_000, ..Budget::default() };
        let began = std::time::Instant::now();
        let (result, _) = run(guests::OUTPUT_FLOOD, budget).await;
        summary(result);
        // 76 calls, of which 50 are free.
        assert!(began.elapsed() >= std::time::Duration::from_millis(400), "{:?}", began.elapsed());
    }
}

pub(crate) mod giant_argument {
    use super::*;

    #[tokio::test]
    async fn one_call_with_too_many_bytes_ends_the_attempt() {
        let (result, _) = run(guests::GIANT_ARGUMENT, Budget::default()).await;
        let error = result.unwrap_err();
        let allowed = Budget::default().call_bytes;
        assert_eq!(error, AttemptError::Exhausted { dimension: "call_bytes", allowed, used: allowed + 1 });
        assert_eq!(error.into_failure().error.kind, "resource_exhausted");
    }
}

pub(crate) mod calls_at_once {
    use super::*;

    #[tokio::test]
    async fn many_large_calls_at_once_end_the_attempt() {
        let budget = Budget { call_bytes: 1 << 20, host_calls_per_second: 0, ..Budget::default() };
        let (result, _) = run(guests::CALLS_AT_ONCE, budget).await;
        let error = result.unwrap_err();
        assert!(matches!(error, AttemptError::Exhausted { dimension: "call_bytes", .. }), "{error:?}");
    }

    #[tokio::test]
    async fn more_handles_than_allowed_end_the_attempt() {
        let (result, _) = run(guests::CALLS_AT_ONCE, Budget { handles: 16, ..Budget::default() }).await;
        let error = result.unwrap_err();
        assert!(matches!(error, AttemptError::Exhausted { dimension: "handles", .. }), "{error:?}");
    }
}

#[tokio::test]
async fn more_core_instances_than_allowed_do_not_begin() {
    let (result, _) = run(guests::HONEST, Budget { instances: 1, ..Budget::default() }).await;
    let error = result.unwrap_err();
    assert!(matches!(error, AttemptError::Exhausted { dimension: "instances", .. }), "{error:?}");
}

#[tokio::test]
async fn more_table_elements_than_allowed_do_not_begin() {
    let (result, _) = run(guests::HONEST, Budget { table_elements: 1, ..Budget::default() }).await;
    let error = result.unwrap_err();
    assert!(matches!(error, AttemptError::Exhausted { dimension: "table_elements", .. }), "{error:?}");
}

#[tokio::test]
async fn messages_and_artifacts_beyond_the_budget_are_refused() {
    let (result, _) = run(guests::HONEST, Budget { messages: 0, ..Budget::default() }).await;
    let failure = result.unwrap_err().into_failure();
    assert!(failure.error.message.contains("\"messages\""), "{failure:?}");
    let (result, _) = run(guests::DRAFTER, Budget { artifact_bytes: 5, ..Budget::default() }).await;
    let failure = result.unwrap_err().into_failure();
    assert!(failure.error.message.contains("\"artifact_bytes\""), "{failure:?}");
    let (result, _) = run(guests::DRAFTER, Budget { checkpoint_bytes: 3, ..Budget::default() }).await;
    let failure = result.unwrap_err().into_failure();
    assert!(failure.error.message.contains("\"checkpoint_bytes\""), "{failure:?}");
}
