//! `prune`: forgets what has been over for long enough, now.
//! Does not wait for `serve`, which does the same by itself from time to time.

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::cli::PruneArgs;
use crate::exit_code::Exit;

/// `prune`.
pub(crate) async fn prune(context: &Context, args: &PruneArgs) -> Result<Exit> {
    let runner = context.home.reader(context.home.open()?)?;
    if args.dry_run {
        let tasks = runner.prunable(args.older_than).await?;
        if context.out.is_json() {
            context.out.json(&json!({"would_forget": {"tasks": tasks}}))?;
        } else {
            context.out.line(&format!(
                "{tasks} tasks would be forgotten, and then those whose children are all among them; nothing was"
            ))?;
        }
        return Ok(Exit::Succeeded);
    }
    let forgotten = runner.prune(args.older_than).await?;
    if context.out.is_json() {
        context.out.json(&json!({"forgot": {"tasks": forgotten.tasks, "events": forgotten.events}}))?;
    } else {
        context.out.line(&format!("forgot {} tasks and {} events", forgotten.tasks, forgotten.events))?;
    }
    Ok(Exit::Succeeded)
}
