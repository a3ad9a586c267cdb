//! `messages`: what the session and a task said to each other.
//! Does not send any.

use anyhow::Result;
use serde_json::json;
use taskwright_store::MessagePage;

use super::Context;
use super::list::{tell_limit, tell_unreadable};
use crate::cli::MessagesArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;
use crate::render;

/// `messages`.
pub(crate) async fn messages(context: &Context, args: &MessagesArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    let task = find_task(&store, &context.session, &args.task).await?;
    let page = MessagePage { after: args.after.clone(), limit: args.limit };
    let messages = store.messages(&context.session, &task.id, &page).await?;
    if context.out.is_json() {
        context.out.json(&json!({
            "messages": messages.items, "more": messages.more, "limit": messages.limit,
            "unreadable": messages.unreadable,
        }))?;
        return Ok(Exit::Succeeded);
    }
    tell_unreadable(context, &messages.unreadable);
    for message in &messages {
        context.out.line(&render::message(message))?;
    }
    if messages.is_empty() {
        context.out.notice("no messages");
    }
    tell_limit(context, messages.limit);
    match (&args.after, messages.last()) {
        (Some(_), Some(last)) if messages.more => context.out.notice(&format!("there are more: --after {}", last.id)),
        (None, _) if messages.more => context.out.notice("there are earlier ones: a larger --limit shows more of them"),
        _ => {}
    }
    Ok(Exit::Succeeded)
}
