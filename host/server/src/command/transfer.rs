//! `transfer`: moves tasks to another session with all that they have begun, all of them or none.
//! Does not stop them: instances go on, and what they write lands where their tasks are.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::clean_line;

use super::Context;
use crate::cli::TransferArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;

/// `transfer`.
pub(crate) async fn transfer(context: &Context, args: &TransferArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    let mut named = Vec::with_capacity(args.tasks.len());
    for text in &args.tasks {
        named.push(find_task(&store, &context.session, text).await?.id);
    }
    let moved = store.transfer(&context.session, &named, &args.to).await?;
    if context.out.is_json() {
        context.out.json(&json!({"to": args.to, "moved": moved}))?;
        return Ok(Exit::Succeeded);
    }
    for task in &moved {
        let why = match &task.parent.task_id {
            Some(parent) if !named.contains(&task.id) => format!("  along with {}", clean_line(parent, 80)),
            _ => String::new(),
        };
        context.out.line(&format!("{}  {}  is in session {} now{why}", task.id, task.state, args.to))?;
    }
    Ok(Exit::Succeeded)
}
