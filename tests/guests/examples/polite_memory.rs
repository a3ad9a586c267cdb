//! Asks for more memory than it may have, and takes a no.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        let mut all: Vec<Vec<u8>> = Vec::new();
        loop {
            let mut block = Vec::new();
            if block.try_reserve_exact(1 << 20).is_err() {
                let mebibytes = all.len();
                drop(all);
                return succeeded(&format!("{mebibytes}"));
            }
            all.push(block);
        }
    }
}

taskwright_test_guests::guest!(Guest);
