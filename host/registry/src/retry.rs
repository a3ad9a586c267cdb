//! What follows a failed attempt: another one after a while, or the end.
//! Does not draw random numbers: jitter is a parameter.

use serde::{Deserialize, Serialize};

use crate::{State, Supersede, Task, TaskError, TaskUpdate, Timestamp, Usage, limit};

/// How long to wait between attempts: `initial * factor^(n-1)` milliseconds before the n-th retry, at most `max`, and of
/// that a random share between one half and the whole, so that tasks that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Before the first retry, in milliseconds.
    pub initial_ms: u64,
    /// How much longer each further one takes; at least 1.
    pub factor: f64,
    /// The cap, in milliseconds.
    pub max_ms: u64,
}

impl Default for Backoff {
    /// One second, doubling, at most five minutes.
    fn default() -> Self {
        Self { initial_ms: 1_000, factor: 2.0, max_ms: 300_000 }
    }
}

impl Backoff {
    /// The wait before retry number `retry` (from 1), in milliseconds. `jitter` is from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub fn delay_ms(&self, retry: u32, jitter: f64) -> u64 {
        let exponent = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.initial_ms as f64 * self.factor.max(1.0).powi(exponent);
        let capped = grown.min(self.max_ms as f64).max(0.0);
        (capped * (0.5 + jitter.clamp(0.0, 1.0) / 2.0)) as u64
    }
}

/// Whether a failure allows another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The task is over.
    Never,
    /// After the task's backoff.
    Backoff,
    /// After so many milliseconds.
    After(u64),
}

/// How an attempt went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What goes into the record.
    pub error: TaskError,
    /// Whether to try again.
    pub retry: Retry,
}

/// The update that follows a failure of the current attempt (L22): the next attempt where the failure allows one and
/// `max_attempts` are not used up and nobody wants the task to end, else `failed`. The update carries the task's fence.
#[must_use]
pub fn settle_failure(task: &Task, failure: Failure, usage: Usage, now: Timestamp, jitter: f64) -> TaskUpdate {
    let wait = match failure.retry {
        Retry::Never => None,
        Retry::Backoff => Some(task.backoff.delay_ms(task.retries + 1, jitter)),
        // A session that waits for longer than anybody lives is better told of the failure.
        Retry::After(wait) => Some(wait.max(least_wait(task, jitter))).filter(|_| wait <= limit::SPAN_MS),
    };
    let at = wait
        .filter(|_| task.cancel.is_none() && task.retries + 1 < task.max_attempts)
        .and_then(|wait| chrono::TimeDelta::try_milliseconds(i64::try_from(wait).ok()?))
        .and_then(|wait| now.checked_add_signed(wait))
        .filter(|at| task.deadline.is_none_or(|deadline| *at < deadline));
    let update = TaskUpdate { fence: Some(task.fence()), usage, error: Some(failure.error), ..TaskUpdate::default() };
    match at {
        Some(at) => TaskUpdate { supersede: Some(Supersede::Retry { at }), ..update },
        None => TaskUpdate { state: Some(State::Failed), ..update },
    }
}

/// How long to wait at least where a kind asks to be tried again: as often as it wants for a few times, and from then on no more
/// often than the task's backoff, as far as that goes to a minute. Every attempt is written into the log, which no attempt's
/// budget bounds.
fn least_wait(task: &Task, jitter: f64) -> u64 {
    if task.retries < limit::QUICK_RETRIES {
        return 0;
    }
    let backoff = task.backoff.delay_ms(task.retries + 1, jitter);
    backoff.clamp(limit::SLOW_RETRY_MS.0, limit::SLOW_RETRY_MS.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_cap_and_jitter_takes_at_most_half() {
        let backoff = Backoff { initial_ms: 100, factor: 2.0, max_ms: 1_000 };
        assert_eq!(backoff.delay_ms(1, 1.0), 100);
        assert_eq!(backoff.delay_ms(3, 1.0), 400);
        assert_eq!(backoff.delay_ms(3, 0.0), 200);
        assert_eq!(backoff.delay_ms(u32::MAX, 1.0), 1_000);
    }
}
