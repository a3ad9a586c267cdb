//! Imports requests and does not say that it wants them.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::request::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        let _ = http::send(request("GET", "https://example.com/")).await;
        succeeded("sent")
    }
}

taskwright_test_guests::guest!(Guest);
