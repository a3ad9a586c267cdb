//! Writes the largest checkpoint that there may be, lies down, and looks whether it is still the same; and then writes one
//! that is a byte too long.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

const BYTES: usize = 256 * 1024;

fn pattern() -> Vec<u8> {
    (0..BYTES).map(|n| (n % 251) as u8).collect()
}

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        sink::checkpoint(pattern()).await.map_err(refused)?;
        Ok(Step::Sleep(1))
    }
    async fn reconcile(task: Task) -> Result<Step, Failure> {
        if task.checkpoint != Some(pattern()) {
            return Err(failure("changed", "that is not what was written"));
        }
        match sink::checkpoint(vec![0; BYTES + 1]).await {
            Err(Refusal::LimitExceeded(limit)) => succeeded(&limit.dimension),
            other => succeeded(&format!("{other:?}")),
        }
    }
}

taskwright_test_guests::guest!(Guest);
