//! The metrics of a host, all of them in one place: names, units, descriptions; and how those of the runner are reckoned.
//! Does not export them: whoever embeds the runner installs a recorder of the `metrics` crate.
//!
//! No label has values without a bound: kinds are those of the catalog, or `other`; everything else is a word of this program.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use taskwright_registry::{Task, Timestamp, Wake};
use taskwright_store::{Backlog, StoreError};

/// What stands for a kind that the catalog does not have.
pub(crate) const OTHER_KIND: &str = "other";

/// Describes every metric of this host to the recorder that is installed.
pub(crate) fn describe() {
    // The sandbox's.
    describe_counter!(
        "taskwright_http_requests_total",
        Unit::Count,
        "Requests of guests over HTTP, by how they came out."
    );
    describe_counter!(
        "taskwright_budget_refused_total",
        Unit::Count,
        "Calls of guests that were refused because a dimension of the budget was used up, by dimension."
    );
    describe_counter!(
        "taskwright_descriptors_refused_total",
        Unit::Count,
        "Opens of guests that were refused because their session has its share of the host's descriptors, or all are in use."
    );
    // The disk's.
    describe_gauge!(
        "taskwright_disk_free_bytes",
        Unit::Bytes,
        "Free on the fuller of the disks of the log and of the files, as last seen."
    );
    describe_counter!(
        "taskwright_disk_refused_total",
        Unit::Count,
        "Reports of guests that were refused because a disk is almost full."
    );
    // The store's.
    describe_counter!(
        "taskwright_external_cancel_failures_total",
        Unit::Count,
        "Calls that were to pass a cancel on to work elsewhere and did not, by outcome."
    );
    describe_counter!("taskwright_events_total", Unit::Count, "Events that were committed to the log, by type.");
    describe_counter!(
        "taskwright_store_errors_total",
        Unit::Count,
        "Calls to the store that could not be carried out, by verb and error; refusals by a rule are none."
    );
    // Work.
    describe_gauge!(
        "taskwright_queue_depth",
        Unit::Count,
        "Tasks that are due and not claimed, by kind; 10000 stands for as many and more."
    );
    describe_gauge!(
        "taskwright_queue_age_seconds",
        Unit::Seconds,
        "For how long the first of them has been due, by kind; 0 if there is none."
    );
    describe_counter!(
        "taskwright_missed_work_total",
        Unit::Count,
        "Tasks that were due and claimable, and that this host found only because it asks the store from time to time: a fault."
    );
    describe_histogram!(
        "taskwright_claim_to_start_seconds",
        Unit::Seconds,
        "From the claim of a task to the call of its kind, by kind."
    );
    describe_histogram!(
        "taskwright_created_to_started_seconds",
        Unit::Seconds,
        "From the creation of a task to its first claim, a wanted delay included, by kind."
    );
    describe_histogram!(
        "taskwright_attempt_duration_seconds",
        Unit::Seconds,
        "From the first claim of an attempt to its end, hibernation included, by kind and outcome."
    );
    describe_histogram!(
        "taskwright_task_duration_seconds",
        Unit::Seconds,
        "From the creation of a task to its end, by kind and outcome."
    );
    describe_histogram!(
        "taskwright_cancel_seconds",
        Unit::Seconds,
        "From the request of a cancel to the end of the task, by kind and outcome."
    );
    describe_histogram!(
        "taskwright_instance_used",
        "What an instance has used of a dimension of the budget, in the dimension's own unit, by kind and dimension."
    );
    describe_counter!(
        "taskwright_budget_exhausted_total",
        Unit::Count,
        "Instances that a limit of the budget has ended, by kind and dimension."
    );
    // Fences and leases.
    describe_counter!(
        "taskwright_writes_refused_total",
        Unit::Count,
        "Writes of instances that had no say any more, by sort of write."
    );
    describe_counter!(
        "taskwright_tasks_reaped_total",
        Unit::Count,
        "Tasks of lost hosts that this host has looked after, by what became of them."
    );
    describe_counter!("taskwright_leases_lost_total", Unit::Count, "Leases that this host has lost.");
    describe_counter!(
        "taskwright_leases_expired_total",
        Unit::Count,
        "Leases of lost hosts that this host has swept away, when nothing was left to take over."
    );
    describe_counter!(
        "taskwright_unreadable_rows_total",
        Unit::Count,
        "Rows of the store that cannot be read and were passed by, each counted once by a process."
    );
    // Wakes.
    describe_counter!("taskwright_wakes_delivered_total", Unit::Count, "Wakes that the waker has taken.");
    describe_counter!(
        "taskwright_wakes_coalesced_total",
        Unit::Count,
        "Wakes that came with another one's call and needed none of their own."
    );
    describe_counter!(
        "taskwright_wakes_failed_total",
        Unit::Count,
        "Calls of the waker whose wakes are given again, by reason."
    );
    describe_histogram!(
        "taskwright_wake_delay_seconds",
        Unit::Seconds,
        "From the writing of a wake until it was delivered and acknowledged."
    );
}

fn between(from: Timestamp, to: Timestamp) -> f64 {
    // A clock that was set back gives none.
    (to - from).to_std().unwrap_or(Duration::ZERO).as_secs_f64()
}

/// The safety poll has found work of which the host should have been notified (L59).
pub(crate) fn missed_work(tasks: usize) {
    tracing::warn!(tasks, "work was due that no signal had announced");
    metrics::counter!("taskwright_missed_work_total").increment(tasks as u64);
}

/// The kind of a claimed task is about to be called.
pub(crate) fn started(task: &Task, claimed: Duration) {
    let kind = task.kind.clone();
    metrics::histogram!("taskwright_claim_to_start_seconds", "kind" => kind.clone()).record(claimed.as_secs_f64());
    if task.dispatch.claim == 1
        && let Some(started) = task.started_at
    {
        let waited = between(task.created_at, started);
        metrics::histogram!("taskwright_created_to_started_seconds", "kind" => kind).record(waited);
    }
}

/// An instance is gone, and this is what its task was while it ran and is after it.
pub(crate) fn instance_ended(ran: &Task, after: &Task) {
    let outcome = if after.state.is_terminal() {
        after.state.as_str()
    } else if after.attempt > ran.attempt {
        "retried"
    } else {
        return;
    };
    attempt_ended(&ran.kind, ran, after.updated_at, outcome);
    if after.state.is_terminal() {
        task_ended(&ran.kind, after);
    }
}

/// A task has come to the end of an attempt that began as its record says.
pub(crate) fn attempt_ended(kind: &str, task: &Task, at: Timestamp, outcome: &'static str) {
    if let Some(began) = task.dispatch.attempt_started_at {
        let labels = [("kind", kind.to_owned()), ("outcome", outcome.to_owned())];
        metrics::histogram!("taskwright_attempt_duration_seconds", &labels).record(between(began, at));
    }
}

/// A task has ended just now.
pub(crate) fn task_ended(kind: &str, task: &Task) {
    let Some(at) = task.finished_at else { return };
    let labels = [("kind", kind.to_owned()), ("outcome", task.state.as_str().to_owned())];
    metrics::histogram!("taskwright_task_duration_seconds", &labels).record(between(task.created_at, at));
    if let Some(cancel) = &task.cancel {
        metrics::histogram!("taskwright_cancel_seconds", &labels).record(between(cancel.requested_at, at));
    }
}

/// What waits of a kind, as it was looked up.
#[expect(clippy::cast_precision_loss, reason = "a gauge needs no 53 bits")]
pub(crate) fn queue(backlog: &Backlog, now: Timestamp) {
    let kind = backlog.kind.clone();
    metrics::gauge!("taskwright_queue_depth", "kind" => kind.clone()).set(backlog.due as f64);
    let age = backlog.oldest.map_or(0.0, |oldest| between(oldest, now));
    metrics::gauge!("taskwright_queue_age_seconds", "kind" => kind).set(age);
}

/// A call to the store could not be carried out.
pub(crate) fn store_error(verb: &'static str, error: &StoreError) {
    let error = match error {
        StoreError::Unavailable { .. } => "unavailable",
        StoreError::Unknown { .. } => "unknown",
        StoreError::Refused { .. } => "refused",
        StoreError::Gone { .. } => "gone",
        StoreError::Corrupt { .. } => "corrupt",
        StoreError::NewerSchema { .. } => "newer_schema",
        // The store did what it is for.
        _ => return,
    };
    metrics::counter!("taskwright_store_errors_total", "verb" => verb, "error" => error).increment(1);
}

/// Wakes were taken by one call.
pub(crate) fn wakes_delivered(wakes: &[Wake], now: Timestamp) {
    let count = wakes.len() as u64;
    metrics::counter!("taskwright_wakes_delivered_total").increment(count);
    metrics::counter!("taskwright_wakes_coalesced_total").increment(count.saturating_sub(1));
    for wake in wakes {
        metrics::histogram!("taskwright_wake_delay_seconds").record(between(wake.created_at, now));
    }
}

/// A call of the waker did not work.
pub(crate) fn wakes_failed(reason: &'static str) {
    metrics::counter!("taskwright_wakes_failed_total", "reason" => reason).increment(1);
}
