//! Panics.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        panic!("the cat is on the keyboard")
    }
}

taskwright_test_guests::guest!(Guest);
