//! What goes into a call of a guest and what comes out of it when it goes well.
//! Does not decide what follows: the runner does.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use taskwright_registry::Task;

/// What an instance is told about its task.
#[derive(Debug, Clone)]
pub struct TaskContext {
    /// The record.
    pub task: Task,
    /// The newest checkpoint.
    pub checkpoint: Option<Vec<u8>>,
}

/// What is to happen after `start` or `reconcile` has returned.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The task is over and has succeeded.
    Succeeded {
        /// One line for a person.
        summary: Option<String>,
        /// The result.
        result: Option<Value>,
    },
    /// The task is over because the session asked for it.
    Canceled {
        /// How far it came.
        summary: Option<String>,
    },
    /// Drop the instance and reconcile with a fresh one after this time.
    Sleep(Duration),
    /// Drop the instance and reconcile with a fresh one when something arrives.
    Wait,
}

/// Why the host stopped an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The grace of a cancel is over, or the cancel is not cooperative.
    Canceled,
    /// Another attempt has taken over, or the task is over.
    Superseded,
    /// The task's deadline has passed.
    Deadline,
    /// The host has lost its lease.
    LeaseLost,
    /// The host is shutting down and gives the task back.
    Drain,
    /// The instance has returned and is no longer needed.
    Done,
    /// The last handle was dropped.
    Dropped,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StopReason::Canceled => "the session canceled the task",
            StopReason::Superseded => "another attempt has taken over",
            StopReason::Deadline => "the task's deadline has passed",
            StopReason::LeaseLost => "the host has lost its lease",
            StopReason::Drain => "the host is shutting down",
            StopReason::Done => "the instance is no longer needed",
            StopReason::Dropped => "nobody holds the instance any more",
        })
    }
}
