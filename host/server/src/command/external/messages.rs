//! `external messages`: what the task was told and whoever does its work has not taken.
//! Does not show what was taken before: `messages` does.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::Message;
use taskwright_runner::ExternalTask;

use super::{Context, hold};
use crate::cli::UnreadArgs;
use crate::exit_code::Exit;
use crate::render;

/// Messages that are shown at a time.
const PAGE: usize = 1_000;

/// `external messages`.
pub(super) async fn messages(context: &Context, args: &UnreadArgs) -> Result<Exit> {
    let task = hold(context, context.home.open().await?, &args.token).await?;
    let unread = match args.timeout {
        Some(timeout) => wait(&task, timeout).await?,
        None => task.messages(PAGE).await?.items,
    };
    if context.out.is_json() {
        context.out.json(&json!({"messages": unread}))?;
    } else {
        for message in &unread {
            // The id first: a script reads it, and the rest of the line is what was said.
            context.out.line(&format!("{}  {}", message.id, render::said(message)))?;
        }
        if unread.is_empty() {
            context.out.notice("no messages");
        }
    }
    if args.take {
        for message in &unread {
            task.taken(&message.id).await?;
        }
    }
    Ok(if unread.is_empty() && args.timeout.is_some() { Exit::TimedOut } else { Exit::Succeeded })
}

/// The messages, as soon as there is one; none when the time is over.
async fn wait(task: &ExternalTask, timeout: Duration) -> Result<Vec<Message>> {
    match tokio::time::timeout(timeout, task.message_waits()).await {
        Ok(there) => {
            there?;
            Ok(task.messages(PAGE).await?.items)
        }
        Err(_) => Ok(Vec::new()),
    }
}
