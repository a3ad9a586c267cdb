//! Guests that break, or refuse to end.
//! Limits of the budget are in `limits`.

use std::time::{Duration, Instant};

use taskwright_registry::Retry;
use taskwright_sandbox::{AttemptError, Budget, Grants, Step, StopReason};
use taskwright_test_guests as guests;

use crate::support::*;

/// A stop has to take effect within 50 ms; on a machine that is busy with other tests it gets this long.
const SOON: Duration = Duration::from_secs(1);

pub(crate) mod spin {
    use super::*;

    #[tokio::test]
    async fn a_guest_that_spins_is_stopped_at_once() {
        let mut running = plain(guests::SPIN).await;
        let start = running.start();
        running.next().await;
        let stopping = Instant::now();
        running.instance.stop(StopReason::Canceled);
        running.instance.stop(StopReason::Drain);
        running.instance.stopped().await;
        assert!(stopping.elapsed() < SOON, "{:?}", stopping.elapsed());
        assert_eq!(start.await.unwrap(), Err(AttemptError::Stopped(StopReason::Canceled)));
    }

    #[tokio::test]
    async fn a_guest_that_spins_uses_up_its_cpu_time_and_the_error_names_it() {
        let began = Instant::now();
        let (result, running) = run(guests::SPIN, Budget { cpu_ms: 100, ..Budget::default() }).await;
        let error = result.unwrap_err();
        let AttemptError::Exhausted { dimension: "cpu_ms", allowed: 100, used } = error else { panic!("{error:?}") };
        assert!((100..1_100).contains(&used), "{used}");
        assert!(began.elapsed() < SOON * 2);
        assert!(running.instance.usage().cpu_ms >= 100);
        let failure = error.into_failure();
        assert_eq!((failure.error.kind.as_str(), failure.retry), ("resource_exhausted", Retry::Never));
        assert!(failure.error.message.contains("cpu_ms"), "{failure:?}");
    }

    #[tokio::test]
    async fn a_guest_that_spins_is_ended_by_the_wall_clock() {
        let (result, _) = run(guests::SPIN, Budget { wall_ms: 100, ..Budget::default() }).await;
        assert_eq!(result, Err(AttemptError::WallTime { allowed_ms: 100 }));
    }

    #[tokio::test]
    async fn an_honest_guest_finishes_beside_one_that_spins_on_the_same_thread() {
        let mut spinning = plain(guests::SPIN).await;
        let start = spinning.start();
        spinning.next().await;
        let (result, _) = run(guests::HONEST, Budget::default()).await;
        assert!(matches!(result, Ok(Step::Succeeded { .. })), "{result:?}");
        spinning.instance.stop(StopReason::Done);
        assert_eq!(start.await.unwrap(), Err(AttemptError::Stopped(StopReason::Done)));
    }
}

pub(crate) mod ignores_cancel {
    use super::*;

    #[tokio::test]
    async fn a_guest_that_ignores_its_cancel_is_stopped_all_the_same() {
        let mut running = plain(guests::IGNORES_CANCEL).await;
        let start = running.start();
        running.next().await;
        running.instance.cancel(context()).await.unwrap();
        assert!(!start.is_finished());
        running.instance.stop(StopReason::Canceled);
        assert_eq!(start.await.unwrap(), Err(AttemptError::Stopped(StopReason::Canceled)));
        assert_eq!(
            running.instance.deliver(context(), message("late")).await,
            Err(AttemptError::Stopped(StopReason::Canceled))
        );
    }
}

pub(crate) mod sleeper {
    use super::*;

    #[tokio::test]
    async fn a_guest_that_sleeps_for_too_long_is_ended_by_the_wall_clock() {
        let (result, _) = run(guests::SLEEPER, Budget { wall_ms: 100, ..Budget::default() }).await;
        let error = result.unwrap_err();
        assert_eq!(error, AttemptError::WallTime { allowed_ms: 100 });
        assert_eq!(error.into_failure().error.kind, "timeout");
    }
}

pub(crate) mod recursion {
    use super::*;

    #[tokio::test]
    async fn endless_recursion_is_a_trap_that_says_so() {
        let (result, _) = run(guests::RECURSION, Budget::default()).await;
        let failure = result.unwrap_err().into_failure();
        assert_eq!(failure.error.kind, "trap");
        assert!(failure.error.message.contains("recursed too deeply"), "{failure:?}");
    }
}

pub(crate) mod panics {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_with_its_message_and_ends_every_pending_call() {
        let (result, mut running) = run(guests::PANICS, Budget::default()).await;
        let failure = result.unwrap_err().into_failure();
        assert_eq!((failure.error.kind.as_str(), failure.retry), ("panic", Retry::Backoff));
        assert!(failure.error.message.starts_with("the cat is on the keyboard (at "), "{failure:?}");
        assert!(running.text(taskwright_sandbox::OutputStream::Stderr).contains("the cat is on the keyboard"));
        let again = running.instance.start(context()).await.unwrap_err();
        assert!(matches!(again, AttemptError::Panic { .. }), "{again:?}");
    }
}

pub(crate) mod traps {
    use super::*;

    #[tokio::test]
    async fn a_trap_is_told_in_words_with_the_functions_it_came_from() {
        let (result, _) = run(guests::TRAPS, Budget::default()).await;
        let failure = result.unwrap_err().into_failure();
        assert_eq!(failure.error.kind, "trap");
        assert!(
            failure.error.message.contains("unreachable") && failure.error.message.contains(" (in "),
            "{failure:?}"
        );
    }
}

pub(crate) mod exits {
    use super::*;

    #[tokio::test]
    async fn an_exit_is_a_trap_and_not_an_end() {
        let (result, _) = run(guests::EXITS, Budget::default()).await;
        let failure = result.unwrap_err().into_failure();
        assert_eq!(failure.error.kind, "trap");
        assert!(failure.error.message.contains("exit(1)"), "{failure:?}");
    }
}

pub(crate) mod env_reader {
    use super::*;

    #[tokio::test]
    async fn a_guest_sees_nothing_of_its_host() {
        let (result, _) = run(guests::ENV_READER, Budget::default()).await;
        assert_eq!(summary(result), "0 variables, 0 arguments, 0 bytes of input, 0 files");
    }
}

#[tokio::test]
async fn a_host_that_is_full_says_so_and_runs_nothing() {
    let small = taskwright_sandbox::SandboxConfig { max_instances: 1, ..Default::default() };
    let sandbox = taskwright_sandbox::Sandbox::new(small).unwrap();
    let kind = sandbox.load(guests::HONEST).await.unwrap();
    let host = plain(guests::HONEST).await.host;
    let first = kind.instantiate(host.clone(), Budget::default(), Grants::default());
    first.start(context()).await.unwrap();
    let second = kind.instantiate(host.clone(), Budget::default(), Grants::default());
    assert_eq!(second.start(context()).await, Err(AttemptError::NoRoom { max_instances: 1 }));
    first.stop(StopReason::Done);
    first.stopped().await;
    let third = kind.instantiate(host, Budget::default(), Grants::default());
    third.start(context()).await.unwrap();
}
