//! Prints more than it may.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        for number in 0..100_000 {
            println!("{number:099}");
        }
        succeeded("printed")
    }
}

taskwright_test_guests::guest!(Guest);
