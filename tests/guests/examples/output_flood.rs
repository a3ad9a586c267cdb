//! Writes output until it is refused, and says with what.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        let line = "x".repeat(999) + "\n";
        loop {
            if let Err(refusal) = sink::output(line.clone()).await {
                return succeeded(&format!("{refusal:?}"));
            }
        }
    }
}

taskwright_test_guests::guest!(Guest);
