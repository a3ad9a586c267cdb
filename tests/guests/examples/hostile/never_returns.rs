//! Never returns from the export that its specification names: it waits there, or computes if it is told to.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::signal::forever;

struct Guest;

async fn stay(task: &Task, export: &str) {
    if task.spec.contains(&format!("\"{export}\"")) {
        if task.spec.contains("\"computing\"") {
            loop {
                std::hint::black_box(0);
            }
        }
        forever().await;
    }
}

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        sink::state(Some("begun".to_owned())).await.map_err(refused)?;
        stay(&task, "start").await;
        if task.spec.contains("\"reconcile\"") {
            return Ok(Step::Sleep(1));
        }
        forever().await;
        succeeded("never")
    }
    async fn deliver(task: Task, _message: Message) -> Result<(), Failure> {
        stay(&task, "deliver").await;
        Ok(())
    }
    async fn cancel(task: Task) -> Result<(), Failure> {
        stay(&task, "cancel").await;
        Ok(())
    }
    async fn reconcile(task: Task) -> Result<Step, Failure> {
        stay(&task, "reconcile").await;
        succeeded("never")
    }
}

taskwright_test_guests::guest!(Guest);
