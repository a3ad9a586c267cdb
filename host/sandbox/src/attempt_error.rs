//! How a call of a guest can go wrong, and what the record says about it then.
//! Does not decide whether there is another attempt: the pure core does.

use taskwright_registry::{Failure, Retry, TaskError, clean_text, limit};

use crate::StopReason;

/// How a call of a guest went wrong. All but `Guest`, `Invalid` and `Returned` are the end of the instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// The guest said so itself; its kind does not clash with the host's words.
    #[error("{}: {}", .0.error.kind, .0.error.message)]
    Guest(Failure),
    /// The guest trapped.
    #[error("{message}")]
    Trap {
        /// The trap in words, and where.
        message: String,
    },
    /// The guest panicked.
    #[error("{message}")]
    Panic {
        /// The panic's message, as the guest printed it.
        message: String,
    },
    /// A dimension of the budget was exceeded.
    #[error("{dimension}: used {used}, allowed {allowed}")]
    Exhausted {
        /// The dimension's name in `Budget`.
        dimension: &'static str,
        /// How much was allowed.
        allowed: u64,
        /// How much the guest used or wanted.
        used: u64,
    },
    /// The instance existed for longer than it may.
    #[error("the attempt took longer than the {allowed_ms} ms that it may take")]
    WallTime {
        /// How long it may take.
        allowed_ms: u64,
    },
    /// The host stopped the instance.
    #[error("stopped: {0}")]
    Stopped(StopReason),
    /// What the guest returned cannot be accepted.
    #[error("the guest's {what} cannot be accepted: {problem}")]
    Invalid {
        /// What is wrong.
        what: String,
        /// Why.
        problem: String,
    },
    /// `start` or `reconcile` of this instance has returned; the call was not made, and is for the next instance.
    #[error("not called: `start` or `reconcile` of this instance has returned")]
    Returned,
    /// All instances that the sandbox may have at one time are in use; nothing ran.
    #[error("all {max_instances} instances are in use (`sandbox.max_instances`)")]
    NoRoom {
        /// How many there may be.
        max_instances: u32,
    },
    /// What an instance of this kind needs of the engine was in use for too long; nothing ran.
    #[error(
        "{wanted} {what} were wanted of those that all instances share, and were not free in time (`sandbox.max_instances`; {allowed} may be in use together)"
    )]
    NoPlaces {
        /// What was wanted: `stacks`, `tables` or `memories`.
        what: &'static str,
        /// How many of them.
        wanted: u64,
        /// How many the instances of the owner may have together, or all instances, where those have used them up.
        allowed: u64,
    },
    /// The engine had no room although it was counted: a fault of the host's, and not of this instance.
    #[error("the pool of instances is used up (`sandbox.max_instances`): {problem}")]
    PoolUsedUp {
        /// What the engine says.
        problem: String,
        /// Whether any of the guest's code has run.
        begun: bool,
    },
    /// The memory that all guests share was in use for too long. It is no fault of this one.
    #[error(
        "{wanted} bytes more were wanted of the memory that all guests share, and were not free in time (`sandbox.guest_memory_bytes`; one session may have {allowed})"
    )]
    NoMemory {
        /// How much more was wanted.
        wanted: u64,
        /// How much the owner of the instance may have in all.
        allowed: u64,
        /// Whether any of the guest's code has run.
        begun: bool,
    },
    /// There was no thread or descriptor in time for an instance with folders; nothing ran. It is no fault of this one.
    #[error("no {what} were free in time for an instance with folders (one session may have {allowed})")]
    NoFilePlace {
        /// What was missing.
        what: &'static str,
        /// How many the owner of the instance may have in all.
        allowed: u64,
    },
    /// A fault of the host.
    #[error("{0}")]
    Internal(String),
}

/// The words that the host uses for errors itself. A guest's own kind that equals one is prefixed.
pub const HOST_ERROR_KINDS: [&str; 13] = [
    "trap",
    "panic",
    "timeout",
    "resource_exhausted",
    "invalid_result",
    "internal",
    "stopped",
    "canceled",
    "orphaned",
    "no_room",
    "no_memory",
    "deadline",
    "superseded",
];

impl AttemptError {
    /// A failure in the kind's own words, made fit for the record: its word does not clash with the host's, its text is
    /// clean and not too long.
    #[must_use]
    pub fn guest(failure: Failure) -> Self {
        let TaskError { kind, message, .. } = failure.error;
        let error = TaskError {
            detail: None,
            kind: guest_error_kind(&kind),
            message: clean_text(&message, limit::ERROR_MESSAGE_BYTES),
        };
        AttemptError::Guest(Failure { error, ..failure })
    }

    /// The dimension of the budget that was used up, if that is what happened.
    #[must_use]
    pub fn dimension(&self) -> Option<&'static str> {
        match self {
            AttemptError::Exhausted { dimension, .. } => Some(dimension),
            AttemptError::WallTime { .. } => Some(taskwright_registry::Dimension::Wall.as_str()),
            _ => None,
        }
    }

    /// What the record says: a word, a message for a person, and whether another attempt may help.
    ///
    /// A trap, a panic and a fault of the host may be gone next time. A guest that used up its budget or its time, or
    /// returned nonsense, would do so again.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        let message = self.to_string();
        let detail = self.dimension().map(str::to_owned);
        let (kind, retry) = match self {
            AttemptError::Guest(failure) => return failure,
            AttemptError::Trap { .. } => ("trap", Retry::Backoff),
            AttemptError::Panic { .. } => ("panic", Retry::Backoff),
            AttemptError::Exhausted { .. } => ("resource_exhausted", Retry::Never),
            AttemptError::WallTime { .. } => ("timeout", Retry::Never),
            AttemptError::Stopped(_) => ("stopped", Retry::Never),
            AttemptError::Invalid { .. } => ("invalid_result", Retry::Never),
            AttemptError::NoRoom { .. }
            | AttemptError::NoFilePlace { .. }
            | AttemptError::NoPlaces { .. }
            | AttemptError::PoolUsedUp { .. } => ("no_room", Retry::Backoff),
            AttemptError::NoMemory { .. } => ("no_memory", Retry::Backoff),
            AttemptError::Internal(_) | AttemptError::Returned => ("internal", Retry::Backoff),
        };
        let message = clean_text(&message, limit::ERROR_MESSAGE_BYTES);
        Failure { error: TaskError { kind: kind.to_owned(), detail, message }, retry }
    }
}

/// The kind of a guest's own failure, made fit for the record: `a-z`, `0-9` and `_` alone, and no word of the host's.
fn guest_error_kind(given: &str) -> String {
    let mut kind: String = given
        .chars()
        .take(limit::ERROR_KIND_BYTES)
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' })
        .collect();
    if kind.is_empty() {
        "failed".clone_into(&mut kind);
    }
    if HOST_ERROR_KINDS.contains(&kind.as_str()) { format!("guest_{kind}") } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_cannot_use_the_words_of_the_host() {
        assert_eq!(guest_error_kind("trap"), "guest_trap");
        assert_eq!(guest_error_kind("bad_pattern"), "bad_pattern");
        assert_eq!(guest_error_kind("Bad pattern!"), "bad_pattern_");
        assert_eq!(guest_error_kind(""), "failed");
        assert_eq!(guest_error_kind(&"x".repeat(100)).len(), 64);
    }

    #[test]
    fn an_exhausted_budget_names_dimension_use_and_limit() {
        let failure = AttemptError::Exhausted { dimension: "memory_bytes", allowed: 10, used: 12 }.into_failure();
        assert_eq!(failure.error.kind, "resource_exhausted");
        assert_eq!(failure.error.message, "memory_bytes: used 12, allowed 10");
        assert_eq!(failure.retry, Retry::Never);
    }
}
