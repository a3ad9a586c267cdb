//! What a task's creator decides about it once: wakes, cancel, close, visibility.
//! Does not act on them: the transition function and the runner do.

use serde::{Deserialize, Serialize};

/// When the session is to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakePolicy {
    /// Never; the session looks for itself.
    #[default]
    Silent,
    /// Exactly once, when the task is over.
    OnTerminal,
    /// On each message from the task, each entry into `awaiting_input`, and when the task is over.
    OnActivity,
}

/// How a task is brought to an end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelMode {
    /// The kind is asked; when the grace is over, its instance is dropped.
    #[default]
    Cooperative,
    /// The instance is dropped at once.
    Abort,
    /// Only the owner of the work elsewhere can end it; the host passes the wish on and never forces it.
    External,
}

/// A cancel mode with its grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CancelPolicy {
    /// What is done.
    pub mode: CancelMode,
    /// How long a cooperative cancel may take before it is forced, in milliseconds.
    pub grace_ms: u64,
}

impl Default for CancelPolicy {
    /// Cooperative with ten seconds: long enough to write down what was found, short enough for a person who waits.
    fn default() -> Self {
        Self { mode: CancelMode::Cooperative, grace_ms: 10_000 }
    }
}

/// What happens to a live task when its session closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosePolicy {
    /// It goes on.
    #[default]
    Keep,
    /// It is canceled.
    Cancel,
    /// It moves to the session's successor.
    Transfer,
}

/// Whether a task appears in lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// In every list of its session.
    #[default]
    Listed,
    /// Only in lists that ask for hidden tasks.
    Hidden,
}
