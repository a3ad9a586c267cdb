//! Sends sixteen mebibytes in one call.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        sink::output("x".repeat(16 << 20)).await.map_err(refused)?;
        succeeded("it got through")
    }
}

taskwright_test_guests::guest!(Guest);
