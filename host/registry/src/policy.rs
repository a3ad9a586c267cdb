//! What a task's creator decides about it once: wakes, cancel, close, visibility, priority.
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

/// Which of the due tasks of one session are handed out first (L57).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others of its session.
    High,
    /// Behind what is high.
    #[default]
    Normal,
    /// When nothing else of its session is due.
    Low,
}

impl Priority {
    /// All of them, the first to be handed out first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Its place among all.
    #[must_use]
    pub const fn rank(self) -> u8 {
        self as u8
    }

    /// The one at a place among all.
    #[must_use]
    pub fn of_rank(rank: u8) -> Option<Self> {
        Self::ALL.get(usize::from(rank)).copied()
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}
