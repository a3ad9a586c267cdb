//! Computes for ever.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        sink::state(Some("spinning".to_owned())).await.map_err(refused)?;
        loop {
            std::hint::black_box(0);
        }
    }
}

taskwright_test_guests::guest!(Guest);
