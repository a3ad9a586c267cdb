//! Traps in the export that its specification names, after it has printed as much as it is told to.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::signal::forever;

struct Guest;

fn perhaps(task: &Task, export: &str) {
    if task.spec.contains(&format!("\"{export}\"")) {
        if task.spec.contains("\"loudly\"") {
            for line in 0..20_000 {
                eprintln!("line {line} of a very long complaint");
            }
        }
        core::arch::wasm32::unreachable()
    }
}

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        sink::state(Some("begun".to_owned())).await.map_err(refused)?;
        perhaps(&task, "start");
        if task.spec.contains("\"reconcile\"") {
            return Ok(Step::Sleep(1));
        }
        forever().await;
        succeeded("never")
    }
    async fn deliver(task: Task, _message: Message) -> Result<(), Failure> {
        perhaps(&task, "deliver");
        Ok(())
    }
    async fn cancel(task: Task) -> Result<(), Failure> {
        perhaps(&task, "cancel");
        Ok(())
    }
    async fn reconcile(task: Task) -> Result<Step, Failure> {
        perhaps(&task, "reconcile");
        succeeded("never")
    }
}

taskwright_test_guests::guest!(Guest);
