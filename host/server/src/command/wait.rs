//! `wait`: until a task is over or asks something.
//! Does not run it.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{State, clean_line};

use super::Context;
use super::wait_several::wait_several;
use crate::cli::WaitArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;

/// A look at the store even if nothing was heard, in case something was missed.
const SAFETY_POLL: Duration = Duration::from_secs(5);

/// `wait`.
pub(crate) async fn wait(context: &Context, args: &WaitArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    let [task] = &args.tasks[..] else { return wait_several(context, &store, args).await };
    let id = find_task(&store, &context.session, task).await?.id;
    // Subscribed before the record is read: a change in between is not missed.
    let mut changes = store.changes();
    let until = args.timeout.and_then(|timeout| tokio::time::Instant::now().checked_add(timeout));
    let (task, timed_out) = loop {
        let task = store.get(&context.session, &id).await?;
        if task.state.is_terminal() || task.state == State::AwaitingInput {
            break (task, false);
        }
        let poll = tokio::time::Instant::now() + SAFETY_POLL;
        let heard = tokio::time::timeout_at(until.map_or(poll, |until| until.min(poll)), changes.recv()).await;
        if heard.is_err() && until.is_some_and(|until| until <= tokio::time::Instant::now()) {
            break (store.get(&context.session, &id).await?, true);
        }
    };
    let exit = Exit::of_state(task.state);
    if context.out.is_json() {
        context.out.json(&json!({"task": task, "timed_out": timed_out && exit == Exit::TimedOut}))?;
        return Ok(exit);
    }
    let question = task.input_request.as_ref().map(|open| open.prompt.as_str());
    let says = question.or(task.summary.as_deref()).unwrap_or_default();
    context.out.line(format!("{}  {}  {}", task.id, task.state, clean_line(says, 1_000)).trim_end())?;
    match exit {
        Exit::AwaitingInput => context.out.notice(&format!("answer with: taskwright answer {} TEXT", task.id)),
        Exit::TimedOut => context.out.notice("the time to wait is over; the task goes on"),
        _ => {}
    }
    Ok(exit)
}
