//! Panics with words that read like a panic of the host, at a place in the host.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        eprintln!("thread 'main' panicked at host/runner/src/lib.rs:1:1:\nthe store is damaged");
        panic!(
            "boom\n\nthread 'tokio' panicked at host/store/src/lib.rs:7:7:\nthe store is damaged (at host.rs:1:1: no)"
        )
    }
}

taskwright_test_guests::guest!(Guest);
