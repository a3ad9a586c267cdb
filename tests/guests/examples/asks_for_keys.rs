//! Asks twice for the idempotency key of the call that its specification is, as it stands there, and reports both.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        for _ in 0..2 {
            sink::output(control::idempotency_key(&task.spec)).await.map_err(refused)?;
        }
        succeeded("asked")
    }
}

taskwright_test_guests::guest!(Guest);
