//! What is written when an instance has come to its end.
//! Does not run anything, and does not write it: `outcome` does.

use taskwright_registry::{
    CancelMode, DispatchChange, Failure, Retry, State, Task, TaskError, TaskUpdate, Timestamp, Usage, limit,
    settle_failure,
};
use taskwright_sandbox::{AttemptError, Step};

/// How an instance came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// The guest returned.
    Step {
        /// What is next.
        step: Step,
        /// How many messages it was offered before it began and has left alone.
        ignored: u32,
    },
    /// The call went wrong.
    Error(AttemptError),
    /// A cancel's grace was over, or there was none.
    CancelForced,
    /// The task's deadline was reached.
    DeadlineReached,
    /// The host is going down; the task may be taken up again.
    Drained,
    /// The host is going down; the task cannot be taken up again.
    Interrupted,
    /// The attempt has taken as long as it may.
    AttemptTimedOut,
    /// The host was going down, or had lost the kind, before anything ran.
    NotBegun {
        /// Whether the task was hibernating.
        resumed: bool,
    },
    /// The host had no room for another instance; nothing ran.
    NoRoom {
        /// Whether the task was hibernating.
        resumed: bool,
    },
    /// Another instance has taken over; nothing is written.
    Superseded,
}

fn failed(kind: &str, message: String) -> Failure {
    Failure { error: TaskError { detail: None, kind: kind.to_owned(), message }, retry: Retry::Never }
}

fn cut(text: Option<String>, max: usize) -> Option<String> {
    text.map(|text| taskwright_registry::clean_text(&text, max))
}

/// The update that an end calls for; none for a superseded instance.
pub(crate) fn settle(task: &Task, end: End, usage: Usage, now: Timestamp, jitter: f64) -> Option<TaskUpdate> {
    let base = TaskUpdate { fence: Some(task.fence()), usage, ..TaskUpdate::default() };
    let fail = |mut failure: Failure| {
        failure.error.message = taskwright_registry::clean_text(&failure.error.message, limit::ERROR_MESSAGE_BYTES);
        failure.error.kind = taskwright_registry::clean_line(&failure.error.kind, limit::ERROR_KIND_BYTES);
        settle_failure(task, failure, usage, now, jitter)
    };
    Some(match end {
        End::Step { step: Step::Succeeded { summary, result }, .. } => {
            let too_large =
                result.as_ref().map(|result| result.to_string().len()).filter(|&len| len > limit::RESULT_BYTES);
            if let Some(len) = too_large {
                let message = format!(
                    "the result has {len} bytes, at most {} are allowed; put the rest into an artifact",
                    limit::RESULT_BYTES
                );
                return Some(fail(failed("invalid_result", message)));
            }
            TaskUpdate { state: Some(State::Succeeded), summary: cut(summary, limit::SUMMARY_BYTES), result, ..base }
        }
        End::Step { step: Step::Canceled { .. }, .. } if task.cancel.is_none() => {
            let message = "the guest said that it was canceled, but nobody has asked for its end".to_owned();
            fail(failed("invalid_result", message))
        }
        End::Step { step: Step::Canceled { summary }, .. } => {
            TaskUpdate { state: Some(State::Canceled), summary: cut(summary, limit::SUMMARY_BYTES), ..base }
        }
        End::Step { step: Step::Sleep(time), ignored } => {
            let until = chrono::TimeDelta::from_std(time).ok().and_then(|time| now.checked_add_signed(time));
            TaskUpdate { dispatch: Some(DispatchChange::Hibernate { until, ignored }), ..base }
        }
        End::Step { step: Step::Wait, ignored } => {
            TaskUpdate { dispatch: Some(DispatchChange::Hibernate { until: None, ignored }), ..base }
        }
        End::Error(error) => fail(error.into_failure()),
        End::CancelForced => {
            let grace = task.cancel_policy.grace_ms;
            let summary = match task.cancel_policy.mode {
                CancelMode::Abort => "stopped at once, as its cancel policy says".to_owned(),
                _ => format!("stopped: it did not end by itself within {grace} ms of the cancel"),
            };
            TaskUpdate { state: Some(State::Canceled), summary: Some(summary), ..base }
        }
        End::DeadlineReached => fail(failed("timeout", "the task's deadline was reached".to_owned())),
        End::AttemptTimedOut => {
            let allowed = task.attempt_timeout_ms.unwrap_or_default();
            let message = format!("the attempt took longer than the {allowed} ms that it may take");
            fail(Failure { retry: Retry::Backoff, ..failed("timeout", message) })
        }
        End::NoRoom { resumed: true } | End::NotBegun { resumed: true } => {
            TaskUpdate { dispatch: Some(DispatchChange::Hibernate { until: Some(now), ignored: 0 }), ..base }
        }
        End::Drained | End::NoRoom { resumed: false } | End::NotBegun { resumed: false } => {
            TaskUpdate { dispatch: Some(DispatchChange::Release), ..base }
        }
        End::Interrupted => fail(failed(
            "interrupted",
            "its host was shut down, and the kind cannot be taken up again by another".to_owned(),
        )),
        End::Superseded => return None,
    })
}
