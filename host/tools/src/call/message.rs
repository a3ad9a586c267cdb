//! `message_task`: says something to a task, or answers its question.
//! Does not wait for the task to hear it: what is recorded reaches it, or its next instance.

use serde_json::{Value, json};
use taskwright_registry::Part;
use taskwright_runner::Session;

use crate::ToolDefinition;
use crate::agent_tools::{meant, text};
use crate::definition::task_id;
use crate::tool_error::ToolError;

pub(crate) const NAME: &str = "message_task";

pub(crate) fn definition() -> ToolDefinition {
    ToolDefinition::new(
        NAME,
        "Sends a message to a live background task. It is recorded first and delivered to the task when it can take it. To \
         answer a question, pass the id of its `input_request` as `in_reply_to`; where something other than a text is \
         expected, the answer goes into `data`.",
        json!({
            "task_id": task_id(),
            "text": {"type": "string", "minLength": 1, "maxLength": 32_768, "description": "What to say."},
            "data": {"description": "The same as JSON, for a question that expects more than a text."},
            "in_reply_to": {
                "type": "string", "minLength": 1, "maxLength": 512,
                "description": "The id of the question or message that this answers.",
            },
        }),
        &["task_id", "text"],
    )
}

pub(crate) async fn call(session: &Session, arguments: &Value) -> Result<Value, ToolError> {
    let task = meant(session, arguments).await?;
    let said = text(arguments, "text").map(|text| Part::Text(text.to_owned()));
    let data = arguments.get("data").filter(|data| !data.is_null()).cloned().map(Part::Data);
    let in_reply_to = text(arguments, "in_reply_to").map(str::to_owned);
    let sent = session.send(&task.id, said.into_iter().chain(data).collect(), in_reply_to).await?;
    let delivery = if sent.answered {
        "the question is answered, and the task goes on"
    } else {
        "kept for the task: it gets the message when it can take it"
    };
    Ok(json!({
        "task_id": task.id,
        "message_id": sent.message.id,
        "recorded": true,
        "answered": sent.answered,
        "delivery": delivery,
    }))
}
