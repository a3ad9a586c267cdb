//! `cancel`: asks for the end of a task, or of many at once.
//! Does not wait for it: `wait` does.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::CancelEffect;
use taskwright_store::{CancelScope, Store};

use super::Context;
use crate::cli::CancelArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;

/// `cancel`.
pub(crate) async fn cancel(context: &Context, args: CancelArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    match &args.task {
        Some(task) => cancel_one(context, &store, task, args.reason.clone()).await,
        None => cancel_many(context, &store, args).await,
    }
}

async fn cancel_one(context: &Context, store: &Arc<dyn Store>, task: &str, reason: Option<String>) -> Result<Exit> {
    let found = find_task(store, &context.session, task).await?;
    let (task, effect) = store.request_cancel(&context.session, &found.id, reason).await?;
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

async fn cancel_many(context: &Context, store: &Arc<dyn Store>, args: CancelArgs) -> Result<Exit> {
    let mut kept = Vec::with_capacity(args.keep.len());
    for text in &args.keep {
        kept.push(find_task(store, &context.session, text).await?.id);
    }
    let scope = match (args.tree, args.run) {
        (Some(root), _) => CancelScope::Tree(find_task(store, &context.session, &root).await?.id),
        (None, Some(run)) => CancelScope::Run(run),
        (None, None) if kept.is_empty() => CancelScope::All,
        (None, None) => CancelScope::AllBut(kept),
    };
    let session = context.home.reader(store.clone())?.session(context.session.clone());
    let count = session.cancel_many(scope, args.reason).await?;
    if context.out.is_json() {
        context.out.json(&json!({"signalled": count.signalled, "already_asked": count.again, "first": count.first}))?;
    } else {
        let already = match count.again {
            0 => String::new(),
            again => format!(", {again} had been asked before"),
        };
        context.out.line(&format!("{} asked to end{already}", count.signalled))?;
    }
    Ok(Exit::Succeeded)
}
