//! `watch`: follows a task, or a session, that any process runs.
//! Does not run anything, and a watcher that is stopped stops nothing.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{Event, TaskId};
use taskwright_runner::{EventFilter, EventStream, RunnerError, Session};

use super::Context;
use super::list::check_kinds;
use crate::cli::WatchArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;
use crate::output::Output;
use crate::progress::Progress;
use crate::render;
use crate::tail::Tail;

/// `watch`.
pub(crate) async fn watch(context: &Context, args: &WatchArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    let session = context.home.reader(store.clone())?.session(context.session.clone());
    if let Some(text) = &args.task {
        let id = find_task(&store, &context.session, text).await?.id;
        if let Some(why) = context.home.files_elsewhere().await? {
            context.out.notice(&format!("the task's output is not shown. {why}"));
        }
        return watch_task(context.out, &session, &id, args.from).await;
    }
    if !args.kinds.is_empty() {
        check_kinds(context, &store, &args.kinds).await?;
    }
    let parent_task_id = match &args.parent {
        Some(text) => Some(find_task(&store, &context.session, text).await?.id.to_string()),
        None => None,
    };
    let filter = EventFilter {
        task: None,
        kinds: args.kinds.clone(),
        states: args.states.clone(),
        parent_task_id,
        run_id: args.run.clone(),
    };
    let mut events = session.events(args.from).only(filter);
    loop {
        match events.next().await {
            Err(error @ RunnerError::EventsForgotten { .. }) => context.out.notice(&error.to_string()),
            event => show_event(context.out, &event?, true)?,
        }
    }
}

async fn watch_task(out: Output, session: &Session, id: &TaskId, from: u64) -> Result<Exit> {
    let mut events = session.task_events(id, from);
    let mut tail = Tail::new(out, session, id).await?;
    let mut ticks = tokio::time::interval(Tail::EVERY);
    loop {
        while let Some(event) = next_there(out, &mut events).await? {
            show_event(out, &event, false)?;
        }
        tail.show_if_due(&Progress::Silent).await?;
        let task = session.get(id).await?;
        if task.state.is_terminal() {
            // What was said before the end is there by now, and is shown before it.
            tail.show(&Progress::Silent).await?;
            if let Some(event) = next_there(out, &mut events).await? {
                show_event(out, &event, false)?;
                continue;
            }
            return Ok(Exit::of_state(task.state));
        }
        ticks.tick().await;
    }
}

/// The next event that is there. What retention has taken away is said and passed over.
async fn next_there(out: Output, events: &mut EventStream) -> Result<Option<Event>> {
    loop {
        match events.try_next().await {
            Err(error @ RunnerError::EventsForgotten { .. }) => out.notice(&error.to_string()),
            event => return Ok(event?),
        }
    }
}

/// Shows an event, in text with its task where events of several are shown.
fn show_event(out: Output, event: &Event, with_task: bool) -> Result<()> {
    match out.is_json() {
        true => out.json(&json!(event))?,
        false => out.line(&render::event(event, with_task))?,
    }
    Ok(())
}
