//! `get_task`: one task as a whole, with its result and its latest messages.
//! Does not show its output: that is a log, and lies in a file.

use serde_json::{Value, json};
use taskwright_registry::MessageId;
use taskwright_runner::Session;
use taskwright_store::MessagePage;

use crate::ToolDefinition;
use crate::agent_tools::{meant, number, text};
use crate::definition::task_id;
use crate::snapshot::{self, NOTE};
use crate::tool_error::ToolError;

pub(crate) const NAME: &str = "get_task";

/// How many messages are shown unless fewer are asked for.
const MESSAGES: usize = 20;

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition::new(
        NAME,
        "Shows one background task: its record, its result if it is over, and its 20 latest messages, oldest first. To read \
         on, pass `messages_cursor` as `messages_after`; to see more of a long message, ask for fewer.",
        json!({
            "task_id": task_id(),
            "messages_after": {
                "type": "string", "pattern": "^tmsg_[0-9a-f]{32}$",
                "description": "Only messages that came after this one.",
            },
            "messages_limit": {
                "type": "integer", "minimum": 1, "maximum": MESSAGES,
                "description": "How many messages at most. 20 unless given.",
            },
        }),
        &["task_id"],
    )
}

pub(crate) async fn call(session: &Session, arguments: &Value) -> Result<Value, ToolError> {
    let task = meant(session, arguments).await?;
    let limit = number(arguments, "messages_limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MESSAGES);
    let after: Option<MessageId> = text(arguments, "messages_after").and_then(|after| after.parse().ok());
    let messages = session.messages(&task.id, &MessagePage { after: after.clone(), limit }).await?;
    let which = if after.is_some() { "more_messages" } else { "earlier_messages" };
    let cursor = messages.last().map(|message| message.id.clone()).or(after);
    let mut shown = json!({
        "task": snapshot::with_result(session, &task).await?,
        "messages": messages.iter().map(snapshot::message).collect::<Vec<_>>(),
        "messages_cursor": cursor,
        "note": NOTE,
    });
    shown[which] = json!(messages.more);
    Ok(shown)
}
