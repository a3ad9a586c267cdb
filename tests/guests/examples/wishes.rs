//! Wishes for little memory and much time, and has a schema.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        let budget = Budget { memory_bytes: Some(32 << 20), wall_time: Some(u64::MAX), ..no_wishes() };
        let schema = "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}";
        let wants = vec![Want {
            capability: "files".to_owned(),
            name: "files".to_owned(),
            reason: "to read".to_owned(),
            required: true,
        }];
        Description { kind: "wishes".to_owned(), spec_schema: schema.to_owned(), budget, wants, ..plain() }
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        succeeded("done")
    }
}

taskwright_test_guests::guest!(Guest);
