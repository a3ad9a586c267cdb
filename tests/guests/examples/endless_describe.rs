//! Never returns from describe.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        loop {
            std::hint::black_box(0);
        }
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        succeeded("never")
    }
}

taskwright_test_guests::guest!(Guest);
