//! Cannot work without requests.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::request::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        Description { kind: "http-required".to_owned(), ..wants_http(true) }
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        match http::send(described(&text(&task.spec))).await {
            Ok(response) => succeeded(&response.status.to_string()),
            Err(error) => Err(failure("refused", &told(&error))),
        }
    }
}

taskwright_test_guests::guest!(Guest);
