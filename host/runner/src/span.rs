//! The spans in which a task's instances run: `task`, and within it one `attempt` for each instance.
//! Does not export them: whoever embeds the runner installs a subscriber of the `tracing` crate.

use taskwright_registry::Task;
use tracing::Span;

/// The span of a claimed task's instance, within one of the task. Both end with the instance; a task that is run by several
/// has several, which its id and its `traceparent` hold together.
pub(crate) fn of_instance(task: &Task, resumed: bool) -> Span {
    let of_task = tracing::info_span!(
        "task",
        session = %task.session_id,
        task = %task.id,
        kind = %task.kind,
        parent_task = task.parent.task_id,
        traceparent = task.traceparent.as_ref().map(tracing::field::display),
    );
    let host = task.dispatch.host.as_ref();
    tracing::info_span!(
        parent: &of_task,
        "attempt",
        attempt = task.attempt,
        claim = task.dispatch.claim,
        host = host.map(|host| tracing::field::display(&host.id)),
        epoch = host.map(|host| host.epoch),
        resumed,
    )
}
