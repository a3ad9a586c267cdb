//! Succeeds with a result that is no JSON.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        Ok(Step::Succeeded(Completion { summary: None, result: Some("{".to_owned()) }))
    }
}

taskwright_test_guests::guest!(Guest);
