//! `external`: the commands of whoever does the work of a task elsewhere, one file each.
//! Does not do the work.

mod ask;
mod cancels;
mod checkpoint;
mod end;
mod heartbeat;
mod messages;
mod register;
mod report;
mod take_on;

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{AttemptToken, Rejection, clean_line};
use taskwright_runner::{ExternalTask, Heard, RunnerError};
use taskwright_store::{Store, StoreError};

use super::Context;
use crate::cli::ExternalCommand;
use crate::exit_code::{Exit, over, superseded};

/// `external`.
pub(super) async fn run(context: &Context, command: ExternalCommand) -> Result<Exit> {
    match command {
        ExternalCommand::Register(args) => register::register(context, &args).await,
        ExternalCommand::TakeOn(args) => take_on::take_on(context, args).await,
        ExternalCommand::Heartbeat(args) => heartbeat::heartbeat(context, &args).await,
        ExternalCommand::Report(args) => report::report(context, args).await,
        ExternalCommand::Ask(args) => ask::ask(context, args).await,
        ExternalCommand::Messages(args) => messages::messages(context, &args).await,
        ExternalCommand::Checkpoint(args) => checkpoint::checkpoint(context, &args).await,
        ExternalCommand::Succeed(args) => end::succeed(context, args).await,
        ExternalCommand::Fail(args) => end::fail(context, args).await,
        ExternalCommand::Canceled(args) => end::canceled(context, args).await,
        ExternalCommand::GiveBack(args) => end::give_back(context, &args).await,
        ExternalCommand::Cancels(args) => cancels::cancels(context, &args).await,
        ExternalCommand::Heard(args) => heartbeat::heard(context, &args).await,
    }
}

/// The task of a token, if nobody else has it and it is not over.
async fn hold(context: &Context, store: Arc<dyn Store>, token: &AttemptToken) -> Result<ExternalTask> {
    let id = &token.task_id;
    match context.home.reader(store)?.external(token).await {
        Ok(task) => Ok(task),
        Err(RunnerError::Store(StoreError::NotHeld { .. })) => Err(superseded(format!(
            "superseded: this token has no say about {id} any more. Somebody has taken the task on since, or it was given back; `taskwright external take-on {id}` takes it on again"
        ))),
        Err(RunnerError::Store(StoreError::Rejected(Rejection::Terminal { state }))) => {
            Err(over(format!("task {id} is over: it is {state}, and there is nothing to report any more")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes out what whoever does the work needs.
fn handed(context: &Context, task: &ExternalTask, record: &taskwright_registry::Task) -> Result<Exit> {
    let token = task.token();
    if context.out.is_json() {
        context.out.json(&json!({"task": record, "token": token}))?;
        return Ok(Exit::Succeeded);
    }
    context.out.line(&format!("{}  {token}", token.task_id))?;
    if token.fence.attempt > 1 {
        context.out.notice(&format!("attempt {}: whoever had the task before is superseded", token.fence.attempt));
    }
    if task.checkpoint().is_some() {
        context.out.notice("it has a checkpoint: `taskwright external checkpoint TOKEN` writes it out");
    }
    Ok(Exit::Succeeded)
}

/// Says what a sign of life was answered with. A script sees by the status that the task's end is wanted.
fn told(context: &Context, heard: &Heard) -> Result<Exit> {
    let exit = if heard.cancel.is_some() { Exit::Canceled } else { Exit::Succeeded };
    if context.out.is_json() {
        context.out.json(&json!({"state": heard.state, "cancel": heard.cancel, "unread": heard.unread}))?;
        return Ok(exit);
    }
    let mut text = heard.state.to_string();
    if let Some(cancel) = &heard.cancel {
        let reason = cancel.reason.as_deref().map(|reason| format!(": {}", clean_line(reason, 1_000)));
        text.push_str(&format!("  its end is wanted{}", reason.unwrap_or_default()));
    }
    if heard.unread > 0 {
        text.push_str(&format!("  unread messages: {}", heard.unread));
    }
    context.out.line(&text)?;
    Ok(exit)
}
