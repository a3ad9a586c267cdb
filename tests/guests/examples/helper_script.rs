//! Does as `parent_script` does, as a kind of another name, which may be granted something else.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::child_script;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        child_script::describe("helper")
    }

    async fn start(task: Task) -> Result<Step, Failure> {
        child_script::start(task).await
    }

    async fn reconcile(task: Task) -> Result<Step, Failure> {
        child_script::reconcile(task).await
    }

    async fn deliver(_task: Task, _message: Message) -> Result<(), Failure> {
        child_script::deliver()
    }
}

taskwright_test_guests::guest!(Guest);
