//! Stays suspended until a message arrives, then succeeds with its text; sleeps and waits as its checkpoint says.
#![cfg(target_arch = "wasm32")]

use std::rc::Rc;
use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::signal::Signal;

thread_local! {
    static HEARD: Rc<Signal<String>> = Rc::default();
}

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        sink::state(Some("waiting".to_owned())).await.map_err(refused)?;
        let text = HEARD.with(|heard| heard.clone()).wait().await;
        succeeded(&text)
    }
    async fn deliver(_task: Task, message: Message) -> Result<(), Failure> {
        let text = message.parts.into_iter().map(|part| match part {
            Part::Text(text) | Part::Data(text) => text,
        });
        let text: String = text.collect();
        HEARD.with(|heard| heard.set(text));
        Ok(())
    }
    async fn reconcile(task: Task) -> Result<Step, Failure> {
        match task.checkpoint.as_deref() {
            Some(b"sleep") => Ok(Step::Sleep(1_500)),
            Some(_) => Ok(Step::Wait),
            None => Err(failure("no_checkpoint", "there is none")),
        }
    }
}

taskwright_test_guests::guest!(Guest);
