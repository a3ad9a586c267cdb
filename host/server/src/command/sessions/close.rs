//! `sessions close`: each live task of a session ends, moves or stays as its close policy says.
//! Does not wait for those that were asked to end.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{CloseOrder, SessionRejection, SessionState};
use taskwright_runner::RunnerError;
use taskwright_store::StoreError;

use super::Context;
use crate::cli::CloseArgs;
use crate::exit_code::{Exit, refused};
use crate::live_tasks::LiveTasks;

/// `sessions close`.
pub(super) async fn close(context: &Context, args: CloseArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    if args.delete {
        context.home.refuse_files_elsewhere("the files of the session would stay").await?;
    }
    let session = context.home.reader(store.clone())?.session(args.id.clone());
    let order = CloseOrder { successor: args.successor, reason: args.reason, delete: args.delete };
    let closed = session.close(order).await.map_err(|error| match error {
        RunnerError::Store(
            error @ StoreError::SessionRejected { reason: SessionRejection::NeedsSuccessor { .. }, .. },
        ) => refused(format!("{error}. Name one with --successor ID, or move the task with `taskwright transfer`")),
        error => error.into(),
    })?;
    let deleted = matches!(store.session(&args.id).await, Err(StoreError::NoSession { .. }));
    let live = LiveTasks::count(&store, &args.id).await?;
    if context.out.is_json() {
        context.out.json(&json!({"session": closed, "deleted": deleted, "live": live.to_json()}))?;
        return Ok(Exit::Succeeded);
    }
    if deleted {
        context.out.line(&format!("{}  deleted", args.id))?;
        return Ok(Exit::Succeeded);
    }
    context.out.line(&format!("{}  {}", args.id, closed.state))?;
    if closed.state == SessionState::Closing {
        context.out.notice("`taskwright serve` carries out the rest");
    }
    if !live.is_empty() {
        context.out.notice(&format!(
            "live in it: {live}; `taskwright list --session {}` shows which go on and which are asked to end",
            args.id
        ));
    }
    if args.delete {
        context.out.notice("it is deleted once nothing in it is live: `taskwright serve` does that");
    }
    Ok(Exit::Succeeded)
}
