//! Why the host did not do what a kind asked for.
//! It does not say how the task ends: `?` turns a refusal into a failure, and a kind may do better.

/// A limit of the attempt's budget that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The dimension's name in the budget, such as `output_bytes`.
    pub dimension: String,
    /// What the budget allows.
    pub allowed: u64,
    /// What the refused call would have brought it to.
    pub wanted: u64,
}

/// The host's typed "no". Nothing has been changed when one is returned, [`Refusal::Unavailable`] excepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another attempt has taken over; this instance is about to be dropped.
    #[error("another attempt of this task has taken over; stop, nothing more will be accepted")]
    Superseded,
    /// The task is over.
    #[error("the task is over; stop, nothing more will be accepted")]
    Terminal,
    /// An argument is wrong; the text says what and where.
    #[error("the host calls an argument invalid: {0}")]
    Invalid(String),
    /// A policy forbids it; the text names the line of configuration that would allow it.
    #[error("denied: {0}")]
    Denied(String),
    /// The budget does not allow more.
    #[error("the budget allows {} of {} and this call would need {}; do less, or ask for a larger budget in `describe`",
        .0.allowed, .0.dimension, .0.wanted)]
    LimitExceeded(Limit),
    /// The store cannot be reached now. Whether the call took effect is not known; it may be repeated.
    #[error("the host's store cannot be reached now; whether the call took effect is not known, repeat it")]
    Unavailable,
    /// Anything else, in the host's words.
    #[error("refused: {0}")]
    Other(String),
}

impl Refusal {
    /// The word that a failure made of this refusal has as its kind.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Terminal => "terminal",
            Self::Invalid(_) => "invalid",
            Self::Denied(_) => "denied",
            Self::LimitExceeded(_) => "limit_exceeded",
            Self::Unavailable => "unavailable",
            Self::Other(_) => "refused",
        }
    }
}
