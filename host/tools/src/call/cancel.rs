//! `cancel_task`: asks for a task's end, or for that of everything below it too.
//! Does not wait for it, and does not change a task that is over.

use serde_json::{Value, json};
use taskwright_registry::{CancelEffect, Task};
use taskwright_runner::Session;
use taskwright_runner::store::{CancelCount, CancelScope};

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
            "below": {
                "type": "boolean",
                "description": "Whether everything below the task is to end too: its children, and theirs. Nothing begins \
                                under it any more then, also if it is over itself.",
            },
            "reason": {"type": "string", "maxLength": 1_000, "description": "Why, for the task and for the record."},
        }),
        &["task_id"],
    )
}

pub(crate) async fn call(session: &Session, arguments: &Value) -> Result<Value, ToolError> {
    let task = meant(session, arguments).await?;
    let reason = text(arguments, "reason").map(str::to_owned);
    if arguments["below"] == json!(true) {
        return everything_below(session, &task, reason).await;
    }
    let (task, effect) = session.cancel(&task.id, reason).await?;
    let (requested, says) = match effect {
        CancelEffect::Requested => (true, "asked to end"),
        CancelEffect::AlreadyRequested => (true, "had been asked to end before; nothing changed"),
        CancelEffect::CanceledBeforeStart => (true, "canceled before it started"),
        CancelEffect::AlreadyOver => (false, "the task was already over; nothing changed"),
    };
    Ok(json!({"task_id": task.id, "state": task.state, "cancel_requested": requested, "says": says}))
}

async fn everything_below(session: &Session, root: &Task, reason: Option<String>) -> Result<Value, ToolError> {
    let CancelCount { signalled, again, .. } = session.cancel_many(CancelScope::Tree(root.id.clone()), reason).await?;
    let root = session.get(&root.id).await?;
    let says = match signalled + again {
        0 => "the task and everything below it were already over; nothing begins under it any more",
        _ => "what is live of the task and everything below it was asked to end",
    };
    Ok(json!({
        "task_id": root.id,
        "state": root.state,
        "cancel_requested": signalled + again > 0,
        "asked": signalled,
        "asked_before": again,
        "says": says,
    }))
}
