//! `create`: makes a task and leaves its running to `serve`.
//! Does not claim it.

use anyhow::Result;
use serde_json::{Value, json};
use taskwright_registry::{Recovery, Task};
use taskwright_runner::{KindSettings, RunnerConfig, Session};

use super::Context;
use crate::cli::CreateArgs;
use crate::duration::Deadline;
use crate::exit_code::Exit;
use crate::kind_source;

/// `create`.
pub(crate) async fn create(context: &Context, args: &CreateArgs) -> Result<Exit> {
    let spec = args.spec()?;
    kind_source::check_name(&context.home, args.kind.as_deref(), args.kind_file.as_deref())?;
    let runner = context.home.runner(context.home.open_or_create()?, RunnerConfig::default())?;
    let (name, file) = (args.kind.as_deref(), args.kind_file.as_deref());
    let settings = KindSettings::default().runs_elsewhere();
    let added = kind_source::add_one(&runner, &context.home, name, file, settings, context.out).await?;
    let task = create_task(&runner.session(context.session.clone()), args, added.kind, spec).await?;
    if context.out.is_json() {
        context.out.json(&json!(task))?;
    } else {
        context.out.line(task.id.as_str())?;
        context.out.notice("it is queued; `taskwright serve` runs it");
    }
    Ok(Exit::Succeeded)
}

/// Makes the task that the arguments describe.
pub(crate) async fn create_task(session: &Session, args: &CreateArgs, kind: String, spec: Value) -> Result<Task> {
    let mut request = session.task(kind, spec).producer("taskwright command line");
    if let Some(name) = &args.name {
        request = request.name(name);
    }
    if let Some(text) = &args.display_name {
        request = request.display_name(text);
    }
    if let Some(attempts) = args.max_attempts {
        request = request.max_attempts(attempts);
    }
    if let Some(wake) = args.wake {
        request = request.wake(wake.into());
    }
    if let Some(time) = args.attempt_timeout {
        request = request.attempt_timeout(time);
    }
    if args.host_bound {
        request = request.recovery(Recovery::HostBound);
    }
    request = match args.deadline {
        Some(Deadline::In(time)) => request.deadline_in(time),
        Some(Deadline::At(at)) => request.deadline(at),
        None => request,
    };
    Ok(request.create().await?)
}
