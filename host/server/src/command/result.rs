//! `result`: what a task left behind.
//! Does not wait for it: `wait` does.

use std::fs::File;
use std::io::{IsTerminal, Write};

use anyhow::{Context as _, Result};
use futures::StreamExt;
use serde_json::json;
use taskwright_registry::{Task, clean_json, clean_line};

use super::Context;
use crate::cli::ResultArgs;
use crate::exit_code::{Exit, not_found};
use crate::find_task::find_task;
use crate::output_file;

/// `result`.
pub(crate) async fn result(context: &Context, args: &ResultArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    let task = find_task(&store, &context.session, &args.task).await?;
    if let Some(name) = &args.artifact {
        return artifact(context, &task, name, args).await;
    }
    let Some(result) = store.result(&context.session, &task.id).await? else {
        let next = if task.state.is_live() {
            format!("`taskwright wait {}` waits for it", task.id)
        } else {
            format!("`taskwright show {}` says how it ended", task.id)
        };
        return Err(not_found(format!("task {} is {} and has no result; {next}", task.id, task.state)));
    };
    if context.out.is_json() {
        context
            .out
            .json(&json!({"task_id": task.id, "state": task.state, "result": result, "artifacts": task.artifacts}))?;
    } else {
        context.out.line(&clean_json(serde_json::to_string_pretty(&result)?))?;
    }
    Ok(Exit::Succeeded)
}

async fn artifact(context: &Context, task: &Task, name: &str, args: &ResultArgs) -> Result<Exit> {
    let Some(artifact) = task.artifacts.iter().rev().find(|artifact| artifact.name == name) else {
        let names: Vec<String> = task.artifacts.iter().map(|artifact| clean_line(&artifact.name, 128)).collect();
        let there = if names.is_empty() { "it has none".to_owned() } else { format!("it has: {}", names.join(", ")) };
        return Err(not_found(format!("task {} has no artifact `{}`; {there}", task.id, clean_line(name, 128))));
    };
    let Some(path) = &artifact.path else {
        let url = artifact.url.as_deref().unwrap_or("elsewhere");
        return Err(not_found(format!("the artifact is not held here but at {}", clean_line(url, 2_048))));
    };
    if let Some(why) = context.home.files_elsewhere().await? {
        return Err(not_found(format!("the artifact is not here. {why}")));
    }
    let from = context.home.local_path(path);
    match &args.output {
        Some(to) => {
            let bytes = match &from {
                Some(from) => {
                    let mut source = File::open(from).with_context(|| from.display().to_string())?;
                    let mut target = output_file::create(&context.home, to, Some(&source))?;
                    std::io::copy(&mut source, &mut target)
                        .with_context(|| format!("{} to {}", from.display(), to.display()))?
                }
                None => fetch(context, path, output_file::create(&context.home, to, None)?).await?,
            };
            if context.out.is_json() {
                context.out.json(&json!({"artifact": artifact, "output": to, "bytes": bytes}))?;
            } else {
                context.out.notice(&format!("{bytes} bytes to {}", to.display()));
            }
        }
        None if context.out.is_json() => match from {
            Some(from) => context.out.json(&json!({"artifact": artifact, "local_path": from}))?,
            None => context.out.json(&json!({"artifact": artifact, "object": context.home.shown_path(path)}))?,
        },
        None => match from {
            Some(from) => context.out.foreign(&std::fs::read(&from).with_context(|| from.display().to_string())?)?,
            None if std::io::stdout().is_terminal() => {
                let mut bytes = Vec::new();
                fetch(context, path, &mut bytes).await?;
                context.out.foreign(&bytes)?;
            }
            None => drop(fetch(context, path, std::io::stdout()).await?),
        },
    }
    Ok(Exit::Succeeded)
}

/// Writes a file of the bucket out, piece by piece.
async fn fetch(context: &Context, path: &str, mut to: impl Write) -> Result<u64> {
    let mut pieces = context.home.session_files()?.pieces(path).await?;
    let mut bytes = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        to.write_all(&piece)?;
        bytes += piece.len() as u64;
    }
    to.flush()?;
    Ok(bytes)
}
