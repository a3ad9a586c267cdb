//! Recurses without end.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn dig(depth: u64) -> u64 {
    std::hint::black_box(dig(std::hint::black_box(depth + 1))) + depth
}

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        succeeded(&format!("{}", dig(std::hint::black_box(1))))
    }
}

taskwright_test_guests::guest!(Guest);
