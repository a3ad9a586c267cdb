//! Has a schema with a pattern that takes exponential time on an engine that goes back.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        Description {
            spec_schema: "{\"type\":\"string\",\"pattern\":\"^(([a-z])+.)+[A-Z]([a-z])+$\"}".to_owned(),
            ..plain()
        }
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        succeeded("never")
    }
}

taskwright_test_guests::guest!(Guest);
