//! `show`: a task's record.
//! Does not show its result or messages: `result` and `messages` do.

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::cli::OneTask;
use crate::exit_code::Exit;
use crate::find_task::find_task;
use crate::render;

/// `show`.
pub(crate) async fn show(context: &Context, args: &OneTask) -> Result<Exit> {
    let store = context.home.open().await?;
    let task = find_task(&store, &context.session, &args.task).await?;
    if context.out.is_json() {
        context.out.json(&json!(task))?;
    } else {
        if let Some(why) = context.home.files_elsewhere().await? {
            context.out.notice(&why);
        }
        context.out.text(&render::task(&task, store.now(), &context.home, context.out))?;
    }
    Ok(Exit::Succeeded)
}
