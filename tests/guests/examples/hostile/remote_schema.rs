//! Has a schema that lies elsewhere.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        let spec_schema = "{\"$ref\":\"http://169.254.169.254/latest/meta-data/schema.json\"}".to_owned();
        Description { spec_schema, ..plain() }
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        succeeded("never")
    }
}

taskwright_test_guests::guest!(Guest);
