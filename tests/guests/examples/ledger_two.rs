//! The kind `ledger` in version 1.1.0: waits for a message and says which version has taken it.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::ledger::{BOOKS, Edition};

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        Edition {
            version: "1.1.0",
            required: r#"["owner","year"]"#,
            can_reattach: Reattach::Always,
            wants: &[BOOKS, ("http", "bank", "to ask the bank")],
            memory_bytes: 32 << 20,
        }
        .describe()
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        Ok(Step::Wait)
    }
    async fn deliver(_task: Task, _message: Message) -> Result<(), Failure> {
        Ok(())
    }
    async fn reconcile(_task: Task) -> Result<Step, Failure> {
        succeeded("kept by 1.1.0")
    }
}

taskwright_test_guests::guest!(Guest);
