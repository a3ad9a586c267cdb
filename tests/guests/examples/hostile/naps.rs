//! Lies down for no time at all, over and over: each nap costs the host an instance and two writes.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        Ok(Step::Sleep(0))
    }
    async fn reconcile(_task: Task) -> Result<Step, Failure> {
        Ok(Step::Sleep(0))
    }
}

taskwright_test_guests::guest!(Guest);
