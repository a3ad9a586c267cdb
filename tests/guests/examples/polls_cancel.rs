//! Computes without a report and looks at the host's wish in between.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        sink::state(Some("computing".to_owned())).await.map_err(refused)?;
        loop {
            if let Some(cancel) = control::cancel_requested() {
                return Ok(Step::Canceled(cancel.reason));
            }
            std::hint::black_box((0..100_000_u64).sum::<u64>());
        }
    }
}

taskwright_test_guests::guest!(Guest);
