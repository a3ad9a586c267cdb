//! What WASI offers beside files, asked for in amounts that no program needs.
//! Nothing here is about the contract's own functions.

use taskwright_sandbox::{AttemptError, Budget, Grants, Step};
use taskwright_test_guests as guests;

use crate::support::*;

pub(crate) mod greedy {
    use super::*;

    async fn ask(what: &str, budget: Budget) -> Result<Step, AttemptError> {
        let running = instantiate(guests::GREEDY, budget, Grants::default()).await;
        running.instance.start(context_with(serde_json::json!(what))).await
    }

    async fn exhausts(what: &str, budget: Budget) -> (&'static str, u64, u64) {
        match ask(what, budget).await {
            Err(AttemptError::Exhausted { dimension, allowed, used }) => (dimension, allowed, used),
            other => panic!("{what}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn random_bytes_beyond_one_call_end_the_attempt() {
        let small = Budget { call_bytes: 1 << 20, ..Budget::default() };
        assert_eq!(summary(ask("random 1048576", small).await), "1048576");
        assert_eq!(exhausts("random 1048577", small).await, ("call_bytes", 1 << 20, 1_048_577));
        // Nothing of this size is ever set aside.
        let all = u64::MAX;
        assert_eq!(exhausts(&format!("random {all}"), small).await, ("call_bytes", 1 << 20, all));
    }

    #[tokio::test]
    async fn a_list_to_poll_beyond_the_handles_ends_the_attempt() {
        let few = Budget { handles: 100, ..Budget::default() };
        assert_eq!(summary(ask("poll 90", few).await), "90");
        // Each time that a thing is named it is lent to the host, which takes a handle.
        let (dimension, allowed, _) = exhausts("poll 5000", few).await;
        assert_eq!((dimension, allowed), ("handles", 100));
    }

    #[tokio::test]
    async fn timers_are_handles_and_bounded_like_them() {
        let few = Budget { handles: 1_000, ..Budget::default() };
        assert_eq!(summary(ask("timers 300", few).await), "300");
        let failure = ask("timers 1000000", few).await.unwrap_err().into_failure();
        assert_eq!(failure.error.detail.as_deref(), Some("handles"), "{failure:?}");
    }

    #[tokio::test]
    async fn asking_again_and_again_is_counted() {
        let few = Budget { host_calls: 1_000, ..Budget::default() };
        assert_eq!(exhausts("spin-on-ready", few).await, ("host_calls", 1_000, 1_001));
        assert_eq!(exhausts("clocks 5000", few).await, ("host_calls", 1_000, 1_001));
    }

    #[tokio::test]
    async fn clocks_are_coarse() {
        assert_eq!(summary(ask("clocks 5000", Budget::default()).await), "0 finer than 100000");
    }
}
