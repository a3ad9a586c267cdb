//! `cancel_task`: asks for a task's end.
//! Does not wait for it, and does nothing at all to a task that is over.

use serde_json::{Value, json};
use taskwright_registry::CancelEffect;
use taskwright_runner::Session;

use crate::ToolDefinition;
use crate::agent_tools::{meant, text};
use crate::definition::task_id;
use crate::tool_error::ToolError;

pub(crate) const NAME: &str = "cancel_task";

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition::new(
        NAME,
        "Asks a background task to end. It is told, and stopped if it does not end within its grace; `wait_task` says when \
         it has ended. A task that is over stays as it is.",
        json!({
            "task_id": task_id(),
            "reason": {"type": "string", "maxLength": 1_000, "description": "Why, for the task and for the record."},
        }),
        &["task_id"],
    )
}

pub(crate) async fn call(session: &Session, arguments: &Value) -> Result<Value, ToolError> {
    let task = meant(session, arguments).await?;
    let (task, effect) = session.cancel(&task.id, text(arguments, "reason").map(str::to_owned)).await?;
    let (requested, says) = match effect {
        CancelEffect::Requested => (true, "asked to end"),
        CancelEffect::AlreadyRequested => (true, "had been asked to end before; nothing changed"),
        CancelEffect::CanceledBeforeStart => (true, "canceled before it started"),
        CancelEffect::AlreadyOver => (false, "the task was already over; nothing changed"),
    };
    Ok(json!({"task_id": task.id, "state": task.state, "cancel_requested": requested, "says": says}))
}
