//! The session's wish that a task ends.
//! Does not stop anything that runs: the runner tells the instance and enforces the grace.

use crate::size::check_len;
use crate::transition::{Payloads, enter, finish};
use crate::{Applied, Cancel, Held, Phase, Rejection, State, Task, Timestamp, clean_text, limit};

/// What a cancel did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelEffect {
    /// The wish is noted.
    Requested,
    /// It was noted before; the first stamp and reason stand (L17).
    AlreadyRequested,
    /// The task had never been started and is canceled now (L20).
    CanceledBeforeStart,
    /// The task was over; nothing changed.
    AlreadyOver,
}

/// Notes that the session wants the task to end. Idempotent (L17).
///
/// # Errors
/// `TooLarge` for the reason.
pub fn request_cancel(task: &Task, reason: Option<&str>, now: Timestamp) -> Result<(Applied, CancelEffect), Rejection> {
    check_len("reason", reason.map_or(0, str::len), limit::REASON_BYTES)?;
    let unchanged = |effect| {
        let applied = Applied {
            task: task.clone(),
            changed: false,
            events: Vec::new(),
            wakes: Vec::new(),
            payloads: Payloads::default(),
            held: Held::AsBefore,
        };
        Ok((applied, effect))
    };
    if task.state.is_terminal() {
        return unchanged(CancelEffect::AlreadyOver);
    }
    if task.cancel.is_some() {
        return unchanged(CancelEffect::AlreadyRequested);
    }
    let mut next = task.clone();
    next.cancel = Some(Cancel { requested_at: now, reason: reason.map(|text| clean_text(text, limit::REASON_BYTES)) });
    if task.state == State::Queued && task.dispatch.phase == Phase::Ready {
        enter(&mut next, State::Canceled, now);
        next.summary = Some("canceled before it started".to_owned());
        let applied = finish(task, next, &["cancel", "state", "summary"], Payloads::default(), now);
        return Ok((applied, CancelEffect::CanceledBeforeStart));
    }
    if matches!(next.dispatch.phase, Phase::Ready | Phase::Hibernating) {
        next.make_due(now);
    }
    Ok((finish(task, next, &["cancel"], Payloads::default(), now), CancelEffect::Requested))
}
