//! Takes as much memory as it is told to, says so, and keeps it until a message comes.
#![cfg(target_arch = "wasm32")]

use std::rc::Rc;
use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::signal::Signal;

thread_local! {
    static HEARD: Rc<Signal<String>> = Rc::default();
}

struct Guest;

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        let mebibytes: usize = task.spec.parse().map_err(|_| failure("bad_spec", "expected a number"))?;
        let hoard = vec![1_u8; mebibytes << 20];
        sink::state(Some("holding".to_owned())).await.map_err(refused)?;
        HEARD.with(|heard| heard.clone()).wait().await;
        std::hint::black_box(&hoard);
        succeeded("gave it back")
    }
    async fn deliver(_task: Task, _message: Message) -> Result<(), Failure> {
        HEARD.with(|heard| heard.set(String::new()));
        Ok(())
    }
}

taskwright_test_guests::guest!(Guest);
