//! Reports in a loop without ever waiting for anything, until a message, a cancel or the host's wish reaches it.
#![cfg(target_arch = "wasm32")]

use std::cell::Cell;
use taskwright_test_guests::behaviour::*;

thread_local! {
    static HEARD: Cell<Option<String>> = const { Cell::new(None) };
}

struct Guest;

impl Behaviour for Guest {
    async fn start(_task: Task) -> Result<Step, Failure> {
        for number in 0_u64.. {
            sink::output(format!("{number}\n")).await.map_err(refused)?;
            if let Some(word) = HEARD.take() {
                return succeeded(&word);
            }
        }
        unreachable!()
    }
    async fn deliver(_task: Task, _message: Message) -> Result<(), Failure> {
        HEARD.set(Some("message".to_owned()));
        Ok(())
    }
    async fn cancel(_task: Task) -> Result<(), Failure> {
        HEARD.set(Some("cancel".to_owned()));
        Ok(())
    }
}

taskwright_test_guests::guest!(Guest);
