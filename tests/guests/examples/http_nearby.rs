//! Asks for one page after the other, and writes down what it is told each time.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::request::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        wants_http(true)
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        for line in text(&task.spec).lines() {
            let told = match http::send(request("GET", line)).await {
                Ok(response) => format!("status {}", response.status),
                Err(error) => told(&error),
            };
            sink::output(format!("{told}\n")).await.map_err(refused)?;
        }
        succeeded("tried")
    }
}

taskwright_test_guests::guest!(Guest);
