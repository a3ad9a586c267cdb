//! Sends many large texts at once without waiting for any.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        let mut calls: Vec<_> = (0..64).map(|_| Box::pin(sink::output("x".repeat(900 << 10)))).collect();
        std::future::poll_fn(|context| {
            for call in &mut calls {
                let _ = call.as_mut().poll(context);
            }
            std::task::Poll::<()>::Pending
        })
        .await;
        succeeded("it got through")
    }
}

taskwright_test_guests::guest!(Guest);
