//! Traps without a word.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        core::arch::wasm32::unreachable()
    }
}

taskwright_test_guests::guest!(Guest);
