//! Why the host did not do what a guest asked for.
//! Does not end an attempt: what does that is `AttemptError`.

use taskwright_registry::{Failure, Retry, TaskError};

/// A typed answer to a guest. Nothing has been changed when one is returned, except for `Unavailable`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another attempt has taken over.
    #[error("another attempt has taken over")]
    Superseded,
    /// The task is over.
    #[error("the task is over")]
    Terminal,
    /// The argument is wrong; the text says what and where.
    #[error("invalid: {0}")]
    Invalid(String),
    /// A policy forbids it; the text names the line of configuration that would allow it.
    #[error("denied: {0}")]
    Denied(String),
    /// The budget, or a fixed limit of the contract, does not allow more.
    #[error("{dimension}: {wanted} wanted, {allowed} allowed")]
    LimitExceeded {
        /// The dimension's name.
        dimension: String,
        /// How much is allowed.
        allowed: u64,
        /// What the refused call would have brought it to.
        wanted: u64,
    },
    /// The store cannot be reached now; whether the call took effect is not known.
    #[error("unavailable")]
    Unavailable,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Refusal {
    /// The contract's word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Refusal::Superseded => "superseded",
            Refusal::Terminal => "terminal",
            Refusal::Invalid(_) => "invalid",
            Refusal::Denied(_) => "denied",
            Refusal::LimitExceeded { .. } => "limit_exceeded",
            Refusal::Unavailable => "unavailable",
            Refusal::Other(_) => "refused",
        }
    }
}

impl From<Refusal> for Failure {
    /// What a kind says that cannot go on without what it was refused. Only a host that cannot be reached is worth another
    /// attempt.
    fn from(refusal: Refusal) -> Self {
        let retry = if refusal == Refusal::Unavailable { Retry::Backoff } else { Retry::Never };
        let error = TaskError { detail: None, kind: refusal.word().to_owned(), message: refusal.to_string() };
        Failure { error, retry }
    }
}
