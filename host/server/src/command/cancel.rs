//! `cancel`: asks for a task's end.
//! Does not wait for it: `wait` does.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::CancelEffect;

use super::Context;
use crate::cli::CancelArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;

/// `cancel`.
pub(crate) async fn cancel(context: &Context, args: CancelArgs) -> Result<Exit> {
    let store = context.home.open()?;
    let found = find_task(&store, &context.session, &args.task).await?;
    let (task, effect) = store.request_cancel(&context.session, &found.id, args.reason).await?;
    let (word, says) = match effect {
        CancelEffect::Requested => ("requested", "asked to end"),
        CancelEffect::AlreadyRequested => ("already_requested", "had been asked to end before"),
        CancelEffect::CanceledBeforeStart => ("canceled_before_start", "canceled before it started"),
        CancelEffect::AlreadyOver => ("already_over", "was over already; nothing changed"),
    };
    if context.out.is_json() {
        context.out.json(&json!({"task": task, "effect": word}))?;
    } else {
        context.out.line(&format!("{}  {}  {says}", task.id, task.state))?;
    }
    Ok(Exit::Succeeded)
}
