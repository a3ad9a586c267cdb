//! Where a task of the mock host stands.
//! It does not speak of `awaiting_input`: whether a question is pending is [`Run::question`](super::Run::question)'s to say.

use serde_json::Value;

use crate::clock::milliseconds;
use crate::failure::Failure;
use crate::step::{Completion, Outcome, Step};

/// Where a task stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// The kind waits for something.
    Running,
    /// There is no instance until a message or a cancel comes, or the fake clock reaches `until`.
    Hibernating {
        /// Milliseconds since 1970, if the kind sleeps.
        until: Option<u64>,
    },
    /// It is over.
    Succeeded(Completion<Value>),
    /// It is over because the session asked for it.
    Canceled(Option<String>),
    /// The attempt failed. [`Run::reattach`](super::Run::reattach) starts the next one.
    Failed(Failure),
}

impl Status {
    pub(super) fn after(outcome: Outcome<String>, now: u64) -> Self {
        match outcome {
            Err(failure) => Self::Failed(failure),
            Ok(Step::Canceled(summary)) => Self::Canceled(summary),
            Ok(Step::Wait) => Self::Hibernating { until: None },
            Ok(Step::Sleep(duration)) => Self::Hibernating { until: Some(now.saturating_add(milliseconds(duration))) },
            Ok(Step::Succeeded(Completion { summary, result })) => {
                let result = result.map(|result| serde_json::from_str(&result).expect("a result is JSON"));
                Self::Succeeded(Completion { summary, result })
            }
        }
    }
}
