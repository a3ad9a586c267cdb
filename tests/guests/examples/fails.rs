//! Fails with a word that is the host's.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        Err(Failure { kind: "trap".to_owned(), message: "not really".to_owned(), retry: Retry::After(250) })
    }
}

taskwright_test_guests::guest!(Guest);
