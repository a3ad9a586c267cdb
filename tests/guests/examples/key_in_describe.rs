//! Asks for an idempotency key where there is no attempt.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        Description { summary: control::idempotency_key("describe"), ..plain() }
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        succeeded("never")
    }
}

taskwright_test_guests::guest!(Guest);
