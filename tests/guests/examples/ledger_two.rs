//! The kind `ledger` in version 1.1.0: waits for a message and says which version has taken it.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        let want = |capability: &str, name: &str, reason: &str| Want {
            capability: capability.to_owned(),
            name: name.to_owned(),
            reason: reason.to_owned(),
            required: false,
        };
        let schema = "{\"type\":\"object\",\"properties\":{\"owner\":{\"type\":\"string\"},\"year\":{\"type\":\"integer\"}},\"required\":[\"owner\",\"year\"]}";
        Description {
            kind: "ledger".to_owned(),
            version: "1.1.0".to_owned(),
            summary: "Keeps books.".to_owned(),
            spec_schema: schema.to_owned(),
            can_reattach: Reattach::Always,
            wants: vec![want("files", "books", "to read the books"), want("http", "bank", "to ask the bank")],
            budget: Budget { memory_bytes: Some(32 << 20), ..no_wishes() },
        }
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
