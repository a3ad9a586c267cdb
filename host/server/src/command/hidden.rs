//! `hidden`: until no hidden task is live, and what went wrong with them.
//! Does not list those that went well: `list --all` does.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{Task, TaskId};

use super::Context;
use crate::cli::HiddenArgs;
use crate::exit_code::Exit;
use crate::render;

/// `hidden`.
pub(crate) async fn hidden(context: &Context, args: &HiddenArgs) -> Result<Exit> {
    let session = context.home.reader(context.home.open().await?)?.session(context.session.clone());
    let outcome = session.await_hidden(args.timeout).await?;
    let exit = match (outcome.failed.is_empty(), outcome.timed_out) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::TimedOut,
        (true, false) => Exit::Succeeded,
    };
    if context.out.is_json() {
        context.out.json(&json!({
            "failed": outcome.failed,
            "live": outcome.live,
            "timed_out": outcome.timed_out,
            "acknowledged": args.acknowledge,
        }))?;
    } else {
        for task in &outcome.failed {
            context.out.line(&line(task))?;
        }
        if outcome.timed_out {
            context.out.notice(&format!("the time to wait is over; hidden tasks that go on: {}", outcome.live.len()));
        }
        if outcome.failed.is_empty() {
            context.out.notice("no hidden task failed that nobody has taken note of");
        } else if !args.acknowledge {
            context.out.notice("they are shown again until `taskwright hidden --acknowledge` has taken note of them");
        }
    }
    if args.acknowledge {
        // They are written and flushed: whoever reads has them.
        let shown: Vec<TaskId> = outcome.failed.into_iter().map(|task| task.id).collect();
        session.acknowledge_hidden(&shown).await?;
    }
    Ok(exit)
}

fn line(task: &Task) -> String {
    format!("{}  {}  {}", task.id, task.state, render::error(task)).trim_end().to_owned()
}
