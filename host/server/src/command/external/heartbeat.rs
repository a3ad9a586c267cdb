//! `external heartbeat` and `external heard`: the work goes on, and whoever does it has heard that it should not.
//! Does not end the task.

use anyhow::Result;
use serde_json::json;

use super::{Context, hold, told};
use crate::cli::OneToken;
use crate::exit_code::Exit;

/// `external heartbeat`.
pub(super) async fn heartbeat(context: &Context, args: &OneToken) -> Result<Exit> {
    let task = hold(context, context.home.open().await?, &args.token).await?;
    told(context, &task.heartbeat().await?)
}

/// `external heard`.
pub(super) async fn heard(context: &Context, args: &OneToken) -> Result<Exit> {
    let task = hold(context, context.home.open().await?, &args.token).await?;
    task.cancel_told().await?;
    if context.out.is_json() {
        context.out.json(&json!({"task_id": args.token.task_id, "heard": true}))?;
    } else {
        context.out.line(&format!("{}  has heard; `external canceled` ends it", args.token.task_id))?;
    }
    Ok(Exit::Succeeded)
}
