//! `wait` for several tasks: for the first of them, or for all.
//! Does not run them.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{Task, clean_line};
use taskwright_runner::Until;
use taskwright_store::Store;

use super::Context;
use crate::cli::WaitArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;

/// `wait` with several tasks. All of them are there before any is waited for.
pub(super) async fn wait_several(context: &Context, store: &Arc<dyn Store>, args: &WaitArgs) -> Result<Exit> {
    let mut ids = Vec::with_capacity(args.tasks.len());
    for text in &args.tasks {
        ids.push(find_task(store, &context.session, text).await?.id);
    }
    let session = context.home.reader(store.clone())?.session(context.session.clone());
    let (tasks, timed_out, exit) = if args.any {
        let waited = session.wait_any(&ids, Until::Ready, args.timeout).await?;
        let exit = waited.task().map_or(Exit::TimedOut, |task| Exit::of_state(task.state));
        (waited.tasks, waited.timed_out, exit)
    } else {
        let waited = session.wait_all(&ids, Until::Ready, args.timeout).await?;
        let exit = if waited.timed_out { Exit::TimedOut } else { of_all(&waited.tasks) };
        (waited.tasks, waited.timed_out, exit)
    };
    if context.out.is_json() {
        context.out.json(&json!({"tasks": tasks, "timed_out": timed_out}))?;
        return Ok(exit);
    }
    for task in &tasks {
        let question = task.input_request.as_ref().map(|open| open.prompt.as_str());
        let says = clean_line(question.or(task.summary.as_deref()).unwrap_or_default(), 1_000);
        context.out.line(format!("{}  {}  {says}", task.id, task.state).trim_end())?;
    }
    if timed_out {
        context.out.notice("the time to wait is over; the tasks go on");
    }
    Ok(exit)
}

/// The first that did not succeed says it.
fn of_all(tasks: &[Task]) -> Exit {
    let exits = tasks.iter().map(|task| Exit::of_state(task.state));
    exits.into_iter().find(|exit| *exit != Exit::Succeeded).unwrap_or(Exit::Succeeded)
}
