//! Calls the host for ever.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        loop {
            control::cancel_requested();
        }
    }
}

taskwright_test_guests::guest!(Guest);
