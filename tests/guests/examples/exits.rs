//! Ends its process instead of returning.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        std::process::exit(1)
    }
}

taskwright_test_guests::guest!(Guest);
