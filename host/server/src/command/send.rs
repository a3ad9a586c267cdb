//! `send`: a message to a task.
//! Does not wait for it to be heard; it is durable when the command ends.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{Direction, MessageId, NewMessage, Part, Task};
use taskwright_store::RecordedMessage;

use super::Context;
use crate::cli::SendArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;
use crate::part;

/// `send`.
pub(crate) async fn send(context: &Context, args: SendArgs) -> Result<Exit> {
    let part = part::given(args.text.as_deref(), args.data.as_deref())?;
    let store = context.home.open().await?;
    let task = find_task(&store, &context.session, &args.task).await?;
    let sent = record(context, &*store, &task, part, args.in_reply_to).await?;
    report(context, &sent)
}

/// Stores a message to a task.
pub(crate) async fn record(
    context: &Context,
    store: &dyn taskwright_store::Store,
    task: &Task,
    part: Part,
    in_reply_to: Option<String>,
) -> Result<RecordedMessage> {
    let id = MessageId::new(store.now(), rand::random());
    let message = NewMessage { id, fence: None, direction: Direction::Inbound, parts: vec![part], in_reply_to };
    Ok(store.record_message(&context.session, &task.id, message).await?)
}

/// Says what became of it.
pub(crate) fn report(context: &Context, sent: &RecordedMessage) -> Result<Exit> {
    if context.out.is_json() {
        context.out.json(&json!({"message": sent.message, "answered": sent.answered}))?;
    } else {
        let what = if sent.answered { "  answered" } else { "" };
        context.out.line(&format!("{}{what}", sent.message.id))?;
    }
    Ok(Exit::Succeeded)
}
