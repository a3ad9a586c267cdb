//! Begins children, or does anything else with them that its specification says.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::child_script;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        child_script::describe("parent")
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
