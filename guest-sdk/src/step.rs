//! What is to happen after `start` or `reconcile` has returned.
//! It does not hold failures: those are the `Err` of an [`Outcome`].

use std::time::Duration;

use crate::failure::Failure;

/// What `start` and `reconcile` return.
pub type Outcome<R> = Result<Step<R>, Failure>;

/// What a task leaves behind when it succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion<R> {
    /// One line for a person, at most 4,096 bytes.
    pub summary: Option<String>,
    /// Stored as JSON, at most 1 MiB.
    pub result: Option<R>,
}

/// What is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<R> {
    /// The task is over and has succeeded.
    Succeeded(Completion<R>),
    /// The task is over because the session asked for it; the text says how far it came.
    Canceled(Option<String>),
    /// Drop this instance and call `reconcile` on a fresh one after this time, or earlier if a message or a cancel
    /// arrives. A `reconcile` that does not look at [`Task::cancel_requested`](crate::Task::cancel_requested) lies down again and
    /// is stopped when the grace of the cancel is over.
    Sleep(Duration),
    /// Drop this instance and call `reconcile` on a fresh one when a message or a cancel arrives; of a cancel the same holds as
    /// for `Sleep`.
    Wait,
}

impl<R> Step<R> {
    /// The task is over and this is its result.
    pub fn done(result: R) -> Self {
        Self::Succeeded(Completion { summary: None, result: Some(result) })
    }

    /// The task is over and has no result to show.
    pub fn finished() -> Self {
        Self::Succeeded(Completion { summary: None, result: None })
    }

    /// The task is over because the session asked for it, and this is how far it came.
    pub fn canceled(summary: impl Into<String>) -> Self {
        Self::Canceled(Some(summary.into()))
    }

    /// Adds the line that a person reads. It has no effect on `Sleep` and `Wait`.
    pub fn summary(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Succeeded(completion) => completion.summary = Some(text.into()),
            Self::Canceled(summary) => *summary = Some(text.into()),
            Self::Sleep(_) | Self::Wait => {}
        }
        self
    }
}
