//! A task kind that exercises every part of the contract, one step of its specification after the other.
//! It does no work of its own: tests and guides tell it what to do.

mod memory;
mod spec;
mod walk;

use serde::Serialize;
use serde_json::Value;
use taskwright_guest::{Description, Kind, Outcome, Step, Task};

pub use spec::{Ask, Draft, Fail, File, ProgressReport, RetryAs, Spec, StepSpec};

/// The kind `walkthrough`.
#[derive(Debug)]
pub struct Walkthrough;

/// What a walk results in.
#[derive(Debug, Serialize)]
pub struct Walked {
    /// How many steps were taken, those of earlier instances and attempts included.
    pub steps: usize,
    /// Which attempt took the last one.
    pub attempt: u32,
    /// How many times the task was woken from hibernation.
    pub wakes: u32,
    /// What was answered to the questions, in order.
    pub answers: Vec<Value>,
    /// The texts of the messages that came, in order.
    pub messages: Vec<String>,
}

impl Kind for Walkthrough {
    type Spec = Spec;
    type Output = Walked;

    fn describe() -> Description {
        let version = env!("CARGO_PKG_VERSION");
        Description::new("walkthrough", version, "Walks through every part of the contract, step by step.")
            .can_reattach()
            .takes_messages()
    }

    async fn start(task: Task<Spec>) -> Outcome<Walked> {
        walk::walk(&task, false).await
    }

    async fn reconcile(task: Task<Spec>) -> Outcome<Walked> {
        walk::walk(&task, true).await
    }
}

taskwright_guest::export!(Walkthrough);

impl Walked {
    /// The end of a task that was canceled before all steps were taken.
    fn canceled_before(next: usize, of: usize) -> Step<Self> {
        Step::canceled(format!("canceled before step {} of {of}", next + 1))
    }
}
