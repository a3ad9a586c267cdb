//! `external succeed`, `fail`, `canceled` and `give-back`: whoever has a task has done with it.
//! Does not try again: whether to do so is up to whoever does the work, before this.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{Task, TaskError};

use super::{Context, hold};
use crate::cli::{FailArgs, OneToken, SucceedArgs, SummaryArgs};
use crate::exit_code::Exit;
use crate::json_argument::json_argument;

/// `external succeed`.
pub(super) async fn succeed(context: &Context, args: SucceedArgs) -> Result<Exit> {
    let result = match &args.result {
        Some(given) => Some(json_argument("--result", given)?),
        None => None,
    };
    let task = hold(context, context.home.open().await?, &args.token).await?;
    if result.is_some() {
        context.home.refuse_files_elsewhere("the file with the result would be found by nobody").await?;
    }
    report(context, &task.succeed(result, args.summary).await?)
}

/// `external fail`.
pub(super) async fn fail(context: &Context, args: FailArgs) -> Result<Exit> {
    let task = hold(context, context.home.open().await?, &args.token).await?;
    let error = TaskError { kind: args.kind, message: args.message, detail: None };
    report(context, &task.fail(error).await?)
}

/// `external canceled`.
pub(super) async fn canceled(context: &Context, args: SummaryArgs) -> Result<Exit> {
    let task = hold(context, context.home.open().await?, &args.token).await?;
    report(context, &task.canceled(args.summary).await?)
}

/// `external give-back`.
pub(super) async fn give_back(context: &Context, args: &OneToken) -> Result<Exit> {
    let task = hold(context, context.home.open().await?, &args.token).await?;
    let given = task.give_back().await?;
    if !context.out.is_json() {
        context.out.notice(&format!("nobody has it now: `taskwright external take-on {}` takes it on", given.id));
    }
    report(context, &given)
}

/// Shows where the task stands now. How the work went is said in the record: the command has done what it was asked for.
fn report(context: &Context, task: &Task) -> Result<Exit> {
    if context.out.is_json() {
        context.out.json(&json!({"task": task}))?;
    } else {
        context.out.line(&format!("{}  {}", task.id, task.state))?;
    }
    Ok(Exit::Succeeded)
}
