//! The six states of a task.
//! Does not decide which change is allowed: that is `transition`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a task stands, as its session sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Created, never started.
    Queued,
    /// Started and not over: at work, hibernating, or waiting for its next attempt.
    Running,
    /// Started, with a question to the session that is still open.
    AwaitingInput,
    /// Over: it did what it was made for.
    Succeeded,
    /// Over: it could not.
    Failed,
    /// Over: the session no longer wanted it.
    Canceled,
}

impl State {
    /// Every state, in the order of a task's life.
    pub const ALL: [State; 6] =
        [State::Queued, State::Running, State::AwaitingInput, State::Succeeded, State::Failed, State::Canceled];

    /// The states of a task that is not over, in the order of its life.
    pub const LIVE: [State; 3] = [State::Queued, State::Running, State::AwaitingInput];

    /// Whether the task is over.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, State::Succeeded | State::Failed | State::Canceled)
    }

    /// Whether the task is not over.
    #[must_use]
    pub const fn is_live(self) -> bool {
        !self.is_terminal()
    }

    /// The state's name, as it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::AwaitingInput => "awaiting_input",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Canceled => "canceled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no state. A filter that holds one is an error, never an unfiltered list (L24).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no state: expected one of queued, running, awaiting_input, succeeded, failed, canceled")]
pub struct UnknownState {
    /// What was given, cut to 80 characters.
    pub given: String,
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        State::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState { given: crate::clean_line(text, 80) })
    }
}
