//! Asks for a thousand responses and reads none of them.
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
        let (mut open, mut refusals) = (Vec::new(), Vec::new());
        for _ in 0..1_000 {
            match http::send(described(&spec)).await {
                Ok(response) => open.push(response),
                Err(error) => refusals.push(told(&error)),
            }
        }
        refusals.dedup();
        sink::output(format!("{} open, then {}", open.len(), refusals.join(", "))).await.map_err(refused)?;
        taskwright_test_guests::signal::forever().await;
        drop(open);
        succeeded("it goes on")
    }
}

taskwright_test_guests::guest!(Guest);
