//! Waits on the clock for longer than it may live.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        sink::state(Some("sleeping".to_owned())).await.map_err(refused)?;
        clock::sleep(3_600_000).await;
        succeeded("woke up")
    }
}

taskwright_test_guests::guest!(Guest);
