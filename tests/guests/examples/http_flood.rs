//! Sends its request again and again until it is refused, and then a few times more.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::request::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        wants_http(true)
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        let spec = text(&task.spec);
        let mut answered = 0;
        let refusal = loop {
            match http::send(described(&spec)).await {
                Ok(_) => answered += 1,
                Err(error) => break told(&error),
            }
        };
        for _ in 0..10 {
            assert!(http::send(described(&spec)).await.is_err());
        }
        succeeded(&format!("{answered} answers, then {refusal}"))
    }
}

taskwright_test_guests::guest!(Guest);
