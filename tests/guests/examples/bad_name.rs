//! Has a name that no kind may have.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        Description { kind: "Bad Name".to_owned(), ..plain() }
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        succeeded("never")
    }
}

taskwright_test_guests::guest!(Guest);
