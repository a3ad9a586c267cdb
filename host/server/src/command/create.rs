//! `create`: makes a task and leaves its running to `serve`.
//! Does not claim it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use taskwright_registry::{Budget, CancelMode, Description, Dimension, Recovery, Task};
use taskwright_runner::{KindSettings, Runner, RunnerError, Session};
use taskwright_store::Store;

use super::Context;
use super::terms::on_terms;
use crate::cli::CreateArgs;
use crate::config::budget;
use crate::duration::When;
use crate::exit_code::{Exit, refused};
use crate::json_argument::json_argument;
use crate::{grant, kind_source, render};

/// `create`.
pub(crate) async fn create(context: &Context, args: &CreateArgs) -> Result<Exit> {
    let spec = json_argument("--spec", &args.spec)?;
    kind_source::check_name(&context.home, args.kind.as_deref(), args.kind_file.as_deref())?;
    let config = context.config()?;
    let store = context.home.open_or_create().await?;
    let runner = context.home.runner(store.clone(), config.runner(), context.out)?;
    let added = add_kind(context, &runner, args.kind.as_deref(), args.kind_file.as_deref()).await?;
    let session = runner.session(context.session.clone());
    let description = added.clone();
    let task = create_task(context, &store, &runner, &session, args, added.kind, spec).await?;
    if context.out.is_json() {
        context.out.json(&json!(task))?;
    } else {
        context.out.line(task.id.as_str())?;
        context.out.notice(&format!("it is queued; {}", who_runs_it(context, args, &description)?));
    }
    Ok(Exit::Succeeded)
}

/// What has to be started so that the task is run: a plain `serve` would not serve every kind that a task can be created of.
fn who_runs_it(context: &Context, args: &CreateArgs, description: &Description) -> Result<String> {
    let home = &context.home;
    let settings = grant::settings(context.config()?, &description.kind, &[]).unwrap_or_default();
    let mut line = match &args.kind_file {
        Some(file) if !kind_source::names(home)?.contains(&description.kind) && !home.kinds().is_dropped(file)? => {
            let file = file.display();
            format!(
                "`taskwright serve --kind {file}` runs it, or `taskwright serve` once `taskwright kinds install {file}` has installed it"
            )
        }
        _ => "`taskwright serve` runs it".to_owned(),
    };
    if let Some(problem) = grant::missing(description, &settings) {
        line.push_str(&format!(", if it may: {problem}"));
    }
    Ok(line)
}

/// Adds a kind so that tasks of it can be created, which other processes run.
pub(crate) async fn add_kind(
    context: &Context,
    runner: &Runner,
    name: Option<&str>,
    file: Option<&Path>,
) -> Result<Description> {
    let config = context.config()?;
    let (kind, _) = kind_source::add_one(runner, &context.home, &config.trust(), name, file, context.out).await?;
    let added = kind.description().clone();
    // The budget is looked at, and what it is granted is not: `serve` does, when it runs.
    let budget = config.file.kinds.get(added.kind.as_str()).map_or(Budget::UNLIMITED, |kind| kind.budget.0);
    runner.set_settings(&added.kind, KindSettings::default().budget(budget).runs_elsewhere())?;
    Ok(added)
}

/// Makes the task that the arguments describe.
pub(crate) async fn create_task(
    context: &Context,
    store: &Arc<dyn Store>,
    runner: &Runner,
    session: &Session,
    args: &CreateArgs,
    kind: String,
    spec: Value,
) -> Result<Task> {
    let budget = budget::together(&args.budget);
    if let Some(allowed) = runner.kind_budget(&kind)? {
        for line in beyond(&budget, &allowed, &kind) {
            context.out.notice(&line);
        }
    }
    let request = session.task(kind, spec).budget(budget).producer("taskwright command line");
    let mut request = on_terms(context, store, request, &args.terms, CancelMode::default()).await?;
    if let Some(attempts) = args.max_attempts {
        request = request.max_attempts(attempts);
    }
    if let Some(time) = args.attempt_timeout {
        request = request.attempt_timeout(time);
    }
    if let Some(priority) = args.priority {
        request = request.priority(priority.into());
    }
    request = match args.not_before {
        Some(When::In(time)) => request.not_before_in(time),
        Some(When::At(at)) => request.not_before(at),
        None => request,
    };
    if args.host_bound {
        request = request.recovery(Recovery::HostBound);
    }
    request.create().await.map_err(|error| match (error, &args.kind_file) {
        // Nobody else knows its name.
        (RunnerError::Spec { kind, violation }, Some(file)) => refused(format!(
            "the specification does not fit the kind `{kind}`: {violation}. No task was created; `taskwright kinds inspect {}` shows what \
             it takes",
            file.display()
        )),
        (error, _) => error.into(),
    })
}

/// Where more was asked for than there is: the smaller limit holds, and whoever asked is told.
fn beyond(asked: &Budget, allowed: &Budget, kind: &str) -> Vec<String> {
    let one = |&dimension: &Dimension| {
        let (asked, allowed) = (asked.get(dimension), allowed.get(dimension));
        let told = || {
            format!(
                "--budget {dimension}: {} asked for, {} allowed for `{kind}`; the smaller holds",
                render::amount(dimension, asked),
                render::amount(dimension, allowed)
            )
        };
        (asked != u64::MAX && asked > allowed).then(told)
    };
    Dimension::ALL.iter().filter_map(one).collect()
}
