//! How a hostile guest must end, and whether it did.
//! Does not know how it was brought there.

use std::fmt;

use taskwright_runner::registry::{State, Task, TaskError};

/// An end. Texts are parts of what must be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The component is not accepted as a kind.
    NotAccepted(&'static str),
    /// The task is not created.
    NotCreated(&'static str),
    /// Failed: the error's kind, its detail where it has one, and a part of its message.
    Failed(&'static str, Option<&'static str>, &'static str),
    /// Succeeded with a summary; what was too much was refused.
    Succeeded(&'static str),
    /// Canceled with a summary.
    Canceled(&'static str),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAccepted(_) => f.write_str("not accepted as a kind"),
            Self::NotCreated(_) => f.write_str("task not created"),
            Self::Failed(kind, Some(detail), _) => write!(f, "failed: `{kind}`, `{detail}`"),
            Self::Failed(kind, None, _) => write!(f, "failed: `{kind}`"),
            Self::Succeeded(summary) => write!(f, "succeeded: {summary}"),
            Self::Canceled(_) => f.write_str("canceled"),
        }
    }
}

impl End {
    /// Stopped, because it did not end by itself when it was canceled.
    pub(crate) const FORCED: Self = Self::Canceled("did not end by itself within 200 ms");

    /// How long a guest with this end gets when it is canceled, in milliseconds. Where it ends by itself a busy machine does not
    /// matter.
    pub(crate) fn grace_ms(self) -> u64 {
        match self {
            Self::Canceled(_) => 200,
            _ => 60_000,
        }
    }

    /// What is wrong with an end; nothing if it is this one. `refused` is what was said where there is no task.
    #[must_use]
    pub fn differs(&self, refused: Option<&str>, task: Option<&Task>) -> Option<String> {
        let holds = match (*self, refused, task) {
            (Self::NotAccepted(part) | Self::NotCreated(part), Some(said), None) => said.contains(part),
            (Self::Failed(kind, detail, part), None, Some(task)) => {
                let told = |error: &TaskError| {
                    error.kind == kind && error.detail.as_deref() == detail && error.message.contains(part)
                };
                task.state == State::Failed && task.error.as_ref().is_some_and(told)
            }
            (Self::Succeeded(part), None, Some(task)) => {
                task.state == State::Succeeded && task.summary.as_deref().unwrap_or_default().contains(part)
            }
            (Self::Canceled(part), None, Some(task)) => {
                task.state == State::Canceled && task.summary.as_deref().unwrap_or_default().contains(part)
            }
            _ => false,
        };
        if holds {
            return None;
        }
        let found = task.map(|task| (task.state, task.error.clone(), task.summary.clone()));
        Some(format!("expected {self:?}, found {refused:?} {found:?}"))
    }
}
