//! `watch`: follows a task, or a session, that any process runs.
//! Does not run anything, and a watcher that is stopped stops nothing.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{Event, TaskId};
use taskwright_runner::{EventStream, OutputTail, RunnerError, Session};

use super::Context;
use crate::cli::WatchArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;
use crate::output::Output;
use crate::render;

/// How often output is looked for.
const OUTPUT_EVERY: Duration = Duration::from_millis(100);

/// `watch`.
pub(crate) async fn watch(context: &Context, args: &WatchArgs) -> Result<Exit> {
    let store = context.home.open()?;
    let session = context.home.reader(store.clone())?.session(context.session.clone());
    if let Some(text) = &args.task {
        let id = find_task(&store, &context.session, text).await?.id;
        return watch_task(context.out, &session, &id, args.from).await;
    }
    let mut events = session.events(args.from);
    loop {
        let event = match events.next().await {
            Err(error @ RunnerError::EventsForgotten { .. }) => {
                context.out.notice(&error.to_string());
                continue;
            }
            event => event?,
        };
        match context.out.is_json() {
            true => context.out.json(&json!(event))?,
            false => context.out.line(&render::event(&event, true))?,
        }
    }
}

async fn watch_task(out: Output, session: &Session, id: &TaskId, from: u64) -> Result<Exit> {
    let mut events = session.task_events(id, from);
    let mut output = session.output(id).await?;
    let mut ticks = tokio::time::interval(OUTPUT_EVERY);
    loop {
        // Where the log is read to its end, the record says whether more can come.
        while let Some(event) = next_there(out, &mut events).await? {
            match out.is_json() {
                true => out.json(&json!(event))?,
                false => out.line(&render::event(&event, false))?,
            }
        }
        show_output(out, id, &mut output)?;
        let task = session.get(id).await?;
        if task.state.is_terminal() {
            if let Some(event) = next_there(out, &mut events).await? {
                match out.is_json() {
                    true => out.json(&json!(event))?,
                    false => out.line(&render::event(&event, false))?,
                }
                continue;
            }
            show_output(out, id, &mut output)?;
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

fn show_output(out: Output, id: &TaskId, output: &mut OutputTail) -> Result<()> {
    loop {
        let text = output.read()?;
        if text.is_empty() {
            return Ok(());
        }
        match out.is_json() {
            true => out.json(&json!({"type": "output", "task_id": id, "text": text}))?,
            false => out.text(&text)?,
        }
    }
}
