//! `serve`: works off the store, of all sessions, until told to stop.
//! Does not create tasks.

use std::path::Path;

use anyhow::Result;
use serde_json::json;
use taskwright_runner::{Runner, RunnerConfig};

use super::Context;
use crate::cli::ServeArgs;
use crate::config::Config;
use crate::duration::Keep;
use crate::exit_code::{Exit, refused};
use crate::grant;
use crate::interrupt::Interrupts;
use crate::metrics_page::MetricsPage;
use crate::output::Output;
use crate::served::Served;
use crate::watched_files::WatchedFiles;

/// The configuration's settings, and in their place the command line's.
fn settings(config: &Config, args: &ServeArgs) -> RunnerConfig {
    let unless_said = config.runner();
    RunnerConfig {
        slots: args.slots.map_or(unless_said.slots, |slots| slots as usize),
        lease: args.lease.unwrap_or(unless_said.lease),
        crash_limit: args.max_crashes.unwrap_or(unless_said.crash_limit),
        retention: match args.keep {
            Some(Keep::For(time)) => Some(time),
            Some(Keep::Forever) => None,
            None => unless_said.retention,
        },
        drain_grace: args.drain_grace.unwrap_or(unless_said.drain_grace),
        ..unless_said
    }
}

/// `serve`.
pub(crate) async fn serve(context: &Context, args: &ServeArgs) -> Result<Exit> {
    let mut interrupts = Interrupts::of_a_service()?;
    // Nothing is claimed yet: what takes its time until then, such as a store that does not answer, keeps nobody waiting.
    let (begun, mut watched, mut config) = tokio::select! {
        biased;
        begun = begin(context, args) => begun?,
        _ = interrupts.next() => return Ok(Exit::Succeeded),
    };
    let Begun { runner, mut served } = begun;
    let gone = loop {
        tokio::select! {
            _ = interrupts.next() => break None,
            gone = runner.store_gone() => break Some(gone),
            () = watched.changed() => {
                // Compiling may take its time, and a mount that hangs all of it: neither keeps anybody from stopping.
                let (path, named, out) = (context.config_path(), context.config_is_named(), context.out);
                let here = tokio::runtime::Handle::current();
                let reloading = tokio::task::spawn_blocking(move || {
                    here.block_on(reload(&path, named, out, &mut served, &mut config));
                    (served, config)
                });
                tokio::select! {
                    _ = interrupts.next() => break None,
                    gone = runner.store_gone() => break Some(gone),
                    reloaded = reloading => (served, config) = reloaded?,
                }
            },
        }
    };
    match &gone {
        None => context.out.notice("stopping: tasks are given back or brought to their end; once more stops at once"),
        Some(_) => context.out.notice("stopping: the store is gone, and all instances with it"),
    }
    let drained = tokio::select! {
        drained = runner.drain() => drained,
        ask = interrupts.next() => return Ok(ask.exit()),
    };
    match (gone, drained.left) {
        (Some(gone), _) => Err(gone.into()),
        (None, 0) => Ok(Exit::Succeeded),
        (None, left) => {
            context.out.notice(&format!(
                "{left} tasks are left as they are: the store did not take what became of them; they go on as those of a lost host"
            ));
            Ok(Exit::Broken)
        }
    }
}

/// What serves.
struct Begun {
    runner: Runner,
    served: Served,
}

async fn begin(context: &Context, args: &ServeArgs) -> Result<(Begun, WatchedFiles, Config)> {
    // Before anything counts.
    let metrics = match args.metrics {
        Some(address) => Some(MetricsPage::open(address, args.metrics_exposed).await?.url()),
        None => None,
    };
    // From before the first look, so that no change falls between.
    let watched = WatchedFiles::new(context.config_path(), context.home.kinds().path().to_path_buf())?;
    let config = context.read_config()?;
    let grants = grant::resolve(&args.grants)?;
    let store = context.home.open_or_create().await?;
    context.home.check_files().await?;
    context.home.remember_store()?;
    let runner = context.home.runner(store.clone(), settings(&config, args), context.out)?;
    let mut served =
        Served::new(context.home.clone(), context.out, runner.clone(), store, args.kind_files.clone(), grants);
    served.apply(&config).await?;
    let names = served.names();
    if names.is_empty() {
        return Err(refused("there is no kind that can be served; see the lines above"));
    }
    runner.serve();
    if context.out.is_json() {
        context.out.json(&json!({"type": "serving", "kinds": names, "metrics": metrics}))?;
    } else {
        if let Some(url) = &metrics {
            context.out.notice(&format!("metrics: {url}"));
        }
        context.out.line(&format!("serving {}; Ctrl-C stops", names.join(", ")))?;
    }
    Ok((Begun { runner, served }, watched, config))
}

/// Reads everything again. What is wrong is reported, and what held before goes on.
async fn reload(path: &Path, named: bool, out: Output, served: &mut Served, config: &mut Config) {
    let applied = match Config::read(path, named) {
        Ok(new) => match served.apply(&new).await {
            Ok(()) => Ok(new),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    match applied {
        Ok(new) => {
            if new != *config {
                out.notice(&format!("{} has changed and holds now", crate::config::FILE));
            }
            if (&new.file.host, &new.file.budget) != (&config.file.host, &config.file.budget) {
                out.notice("[host] and [budget] are read at the start: what changed there waits for the next one");
            }
            *config = new;
        }
        Err(error) => out.notice(&format!("what has changed is not taken over: {error:#}")),
    }
}
