//! How a kind's work goes wrong, and whether the host may try again.
//! It does not retry anything itself: the host does, as far as the task's `max_attempts` reach.

use std::fmt;
use std::time::Duration;

use crate::ask::AskError;
use crate::cancel::Canceled;
use crate::refusal::Refusal;

/// Whether the host may try again after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retry {
    /// It would fail again.
    #[default]
    Never,
    /// After the task's own backoff, with jitter.
    Backoff,
    /// After this time.
    After(Duration),
}

/// How a call went wrong.
///
/// `?` makes one of everything that the SDK returns as an error. For errors of others there is
/// [`OrFail::or_fail`]; for errors of your own, implement `From<YourError> for Failure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A short word of the kind's own, such as `bad_pattern`: at most 64 bytes of `a-z`, `0-9` and `_`.
    pub kind: String,
    /// For a person, at most 4,096 bytes. Say what to do next.
    pub message: String,
    /// Whether the host may try again.
    pub retry: Retry,
    /// It is no failure: the kind stopped because it heard the cancel.
    canceled: bool,
}

impl Failure {
    /// A failure that is not tried again.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), retry: Retry::Never, canceled: false }
    }

    /// The same, to be tried again after the task's own backoff.
    pub fn retry(mut self) -> Self {
        self.retry = Retry::Backoff;
        self
    }

    /// The same, to be tried again after this time.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry = Retry::After(delay);
        self
    }

    /// What a call says that the kind does not serve.
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new("unsupported", message)
    }

    /// Whether this is the cancel on its way out, which ends the task as `canceled` and not as `failed`.
    pub fn is_canceled(&self) -> bool {
        self.canceled
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Self::new(refusal.word(), refusal.to_string());
        if refusal == Refusal::Unavailable { failure.retry() } else { failure }
    }
}

impl From<Canceled> for Failure {
    fn from(canceled: Canceled) -> Self {
        Self { canceled: true, ..Self::new("canceled", canceled.to_string()) }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refusal) => refusal.into(),
            AskError::Canceled(canceled) => canceled.into(),
            AskError::Unfit { .. } => Self::new("unfit_answer", error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new("bad_json", error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new("io", error.to_string())
    }
}

/// Gives any error a word and makes a failure of it.
pub trait OrFail<T> {
    /// A failure of this kind with the error's text, not tried again.
    fn or_fail(self, kind: &str) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, kind: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(kind, error.to_string()))
    }
}
