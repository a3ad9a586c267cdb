//! Stays suspended until it is canceled, and says why.
#![cfg(target_arch = "wasm32")]

use std::rc::Rc;
use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::signal::Signal;

thread_local! {
    static ASKED: Rc<Signal<String>> = Rc::default();
}

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        sink::state(Some("waiting".to_owned())).await.map_err(refused)?;
        let reason = ASKED.with(|asked| asked.clone()).wait().await;
        Ok(Step::Canceled(Some(reason)))
    }
    async fn cancel(task: Task) -> Result<(), Failure> {
        let reason = task.cancel.and_then(|cancel| cancel.reason).unwrap_or_default();
        ASKED.with(|asked| asked.set(reason));
        Ok(())
    }
}

taskwright_test_guests::guest!(Guest);
