//! Notes its attempts and waits for `finish`; can be taken up again if its specification has `true` at `/resume`.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::attempts;
use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        let can_reattach = Reattach::AsSpec("/resume".to_owned());
        Description { kind: "reattach-as-spec".to_owned(), can_reattach, ..plain() }
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        attempts::start(task).await
    }
    async fn deliver(_task: Task, message: Message) -> Result<(), Failure> {
        attempts::deliver(&message)
    }
}

taskwright_test_guests::guest!(Guest);
