//! Notes its attempts and waits for `finish`; says that it can never be taken up again.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::attempts;
use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        Description { kind: "host-bound".to_owned(), can_reattach: Reattach::Never, ..plain() }
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        attempts::start(task).await
    }
    async fn deliver(_task: Task, message: Message) -> Result<(), Failure> {
        attempts::deliver(&message)
    }
}

taskwright_test_guests::guest!(Guest);
