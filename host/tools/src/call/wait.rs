//! `wait_task`: waits until a task is over or asks something.
//! Does not look again and again: it hears of the change.

use std::time::Duration;

use serde_json::{Value, json};
use taskwright_runner::Session;

use crate::ToolDefinition;
use crate::agent_tools::{meant, number};
use crate::definition::task_id;
use crate::snapshot::{self, NOTE};
use crate::tool_error::ToolError;

pub(crate) const NAME: &str = "wait_task";

/// How long is waited unless said, in seconds.
const DEFAULT: u64 = 300;

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition::new(
        NAME,
        "Waits until a background task is over or asks something, and shows it. Returns at once if that is so already. If the \
         time is over before, `timed_out` is true and the task goes on.",
        json!({
            "task_id": task_id(),
            "timeout_seconds": {
                "type": "integer", "minimum": 1, "maximum": 86_400,
                "description": "How long to wait at most. 300 unless given.",
            },
        }),
        &["task_id"],
    )
}

pub(crate) async fn call(session: &Session, arguments: &Value) -> Result<Value, ToolError> {
    let task = meant(session, arguments).await?;
    let timeout = Duration::from_secs(number(arguments, "timeout_seconds").unwrap_or(DEFAULT));
    let waited = session.wait(&task.id, Some(timeout)).await?;
    let task = snapshot::with_result(session, &waited.task).await?;
    Ok(json!({"timed_out": waited.timed_out, "task": task, "note": NOTE}))
}
