//! `serve`: works off the store, of all sessions, until told to stop.
//! Does not create tasks.

use anyhow::{Context as _, Result};
use serde_json::json;
use taskwright_runner::RunnerConfig;

use super::Context;
use crate::cli::ServeArgs;
use crate::duration::Keep;
use crate::exit_code::{Exit, refused};
use crate::interrupt::Interrupts;
use crate::{grant, kind_source};

fn config(args: &ServeArgs) -> RunnerConfig {
    let unless_said = RunnerConfig::default();
    RunnerConfig {
        slots: args.slots.map_or(unless_said.slots, |slots| slots as usize),
        lease: args.lease,
        crash_limit: args.max_crashes,
        retention: match args.keep {
            Keep::For(time) => Some(time),
            Keep::Forever => None,
        },
        drain_grace: args.drain_grace,
        ..unless_said
    }
}

/// `serve`.
pub(crate) async fn serve(context: &Context, args: &ServeArgs) -> Result<Exit> {
    let mut interrupts = Interrupts::listen()?;
    let grants = grant::resolve(&args.grants)?;
    let mut components = kind_source::known(&context.home)?;
    for path in &args.kind_files {
        components.push(kind_source::file(path)?);
    }
    let store = context.home.open_or_create()?;
    // A kind is looked at before it is added: what lacks a grant is left out, and its tasks stay queued rather than fail.
    let looking = context.home.sandbox()?;
    let runner = context.home.runner(store, config(args))?;
    let mut names = Vec::new();
    for component in components {
        let kind = looking.load(&component.wasm).await.with_context(|| component.origin.clone())?;
        let about = kind.description();
        if let Some(problem) = grant::missing(about, &grants) {
            context.out.notice(&format!("not served: {problem}"));
            continue;
        }
        let settings = grant::settings(grant::wanted(about, &grants));
        runner.add_kind(&component.wasm, settings).await.with_context(|| component.origin.clone())?;
        names.push(about.kind.clone());
    }
    drop(looking);
    if names.is_empty() {
        return Err(refused("there is no kind that can be served; see the lines above"));
    }
    runner.serve();
    if context.out.is_json() {
        context.out.json(&json!({"type": "serving", "kinds": names}))?;
    } else {
        context.out.line(&format!("serving {}; Ctrl-C stops", names.join(", ")))?;
    }
    interrupts.next().await;
    context.out.notice("stopping: tasks are given back or brought to their end; once more stops at once");
    tokio::select! {
        () = runner.drain() => Ok(Exit::Succeeded),
        () = interrupts.next() => Ok(Exit::Broken),
    }
}
