//! Takes a cancel and goes on for ever.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        sink::state(Some("waiting".to_owned())).await.map_err(refused)?;
        taskwright_test_guests::signal::forever().await;
        unreachable!()
    }
}

taskwright_test_guests::guest!(Guest);
