//! `run`: creates a task, runs it in this process, and shows it until it is over.
//! Does not run anything else of the store: that is `serve`.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{Event, EventBody, Task};
use taskwright_runner::{EventStream, Runner, Session};

use super::Context;
use super::create::create_task;
use crate::cli::RunArgs;
use crate::exit_code::{Exit, is_broken_pipe, refused};
use crate::interrupt::Interrupts;
use crate::json_argument::json_argument;
use crate::output::Output;
use crate::progress::Progress;
use crate::question::Questions;
use crate::tail::Tail;
use crate::{grant, kind_source, render};

/// `run`.
pub(crate) async fn run(context: &Context, args: &RunArgs) -> Result<Exit> {
    let (name, file) = (args.create.kind.as_deref(), args.create.kind_file.as_deref());
    let spec = json_argument("--spec", &args.create.spec)?;
    let grants = grant::resolve(&args.grants)?;
    kind_source::check_name(&context.home, name, file)?;
    let config = context.config()?;
    let store = context.home.open_or_create().await?;
    context.home.check_files().await?;
    let runner = context.home.runner(store.clone(), config.runner(), context.out)?;
    // A guest that could change it would be another one the next time.
    file.iter().try_for_each(|file| context.home.own_paths()?.add(file))?;
    let found = kind_source::add_one(&runner, &context.home, &config.trust(), name, file, context.out).await?;
    let (loaded, component) = found;
    let added = loaded.description().clone();
    grant::check(&added, &grants)?;
    let settings = grant::allowed(&context.home, config, &added.kind, &grants)?;
    if let Some(problem) = grant::missing(&added, &settings) {
        return Err(refused(problem));
    }
    runner.set_settings(&added.kind, settings)?;
    context.home.remember_store()?;
    // The task may be taken up by a later version of this program, or when the file has changed.
    let signature = component.signature.as_deref();
    context.home.kinds().keep(&component.digest, &component.wasm, signature, Some(loaded.self_description()))?;

    let session = runner.session(context.session.clone());
    // Heard from here on, so that the first of them does not end the process between creation and listening.
    let interrupts = Interrupts::listen()?;
    let cursor = store.events(&context.session, i64::MAX.unsigned_abs(), 1).await?.last;
    let task = create_task(context, &store, &runner, &session, &args.create, added.kind, spec).await?;
    let live = Live {
        out: context.out,
        events: session.task_events(&task.id, cursor),
        tail: Tail::new(context.out, &session, &task.id).await?,
        progress: Progress::new(context.out),
        questions: Questions::new(context.out),
        interrupts,
        asked: false,
        session,
        task,
    };
    follow_to_the_end(context, &runner, live).await
}

async fn follow_to_the_end(context: &Context, runner: &Runner, mut live: Live) -> Result<Exit> {
    if !context.out.is_json() {
        live.progress.aside(|| context.out.notice(&format!("{} {}", live.task.kind, live.task.id)));
    }
    runner.run_only(&live.task.id);
    let followed = live.follow().await;
    live.progress.finish();
    let gone = match followed {
        Ok(()) => false,
        Err(error) => {
            // Nobody would hear of the task any more: it ends, so that it does not seem to run without a host.
            let reason = if is_broken_pipe(&error) { "nobody reads its output any more" } else { "its host gave up" };
            let canceled = live.session.cancel(&live.task.id, Some(reason.to_owned())).await;
            if canceled.is_ok() {
                live.task = live.session.outcome(&live.task.id).await?;
            }
            if !is_broken_pipe(&error) {
                runner.drain().await;
                return Err(error);
            }
            true
        }
    };
    runner.drain().await;
    let task = live.session.get(&live.task.id).await?;
    let result = live.session.result(&task.id).await?;
    let exit = Exit::of_state(task.state);
    if gone {
        return Ok(exit);
    }
    if context.out.is_json() {
        context.out.json(&json!({"task": task, "result": result}))?;
    } else {
        context.out.text(&render::outcome(&task, result.as_ref(), &context.home, context.out))?;
    }
    Ok(exit)
}

/// A task that is being followed.
struct Live {
    out: Output,
    session: Session,
    task: Task,
    events: EventStream,
    tail: Tail,
    progress: Progress,
    questions: Questions,
    interrupts: Interrupts,
    /// Whether its end was asked for.
    asked: bool,
}

impl Live {
    /// Shows what happens until the task is over.
    async fn follow(&mut self) -> Result<()> {
        let mut ticks = tokio::time::interval(Tail::EVERY);
        loop {
            tokio::select! {
                event = self.events.next() => self.hear(&event?).await?,
                _ = ticks.tick() => {
                    self.tail.show_if_due(&self.progress).await?;
                    self.progress.tick();
                }
                _ = self.interrupts.next() => self.interrupted().await?,
                text = self.questions.typed() => self.questions.answer(&self.session, &self.task, text).await?,
            }
            if self.task.state.is_terminal() {
                return self.tail.show(&self.progress).await;
            }
        }
    }

    async fn hear(&mut self, event: &Event) -> Result<()> {
        if self.out.is_json() {
            self.out.json(&json!(event))?;
        }
        match &event.body {
            EventBody::MessageReceived { message } if !self.out.is_json() => {
                self.progress.aside(|| self.out.notice(&format!("message: {}", render::said(message))));
            }
            body => {
                if let Some(task) = body.task() {
                    if task.input_request.is_some() {
                        // What was said before the question helps to answer it.
                        self.tail.show(&self.progress).await?;
                    }
                    self.task = task.clone();
                    self.progress.update(task);
                    self.questions.update(task, &self.progress);
                }
            }
        }
        Ok(())
    }

    async fn interrupted(&mut self) -> Result<()> {
        let say = |text: &str| self.progress.aside(|| self.out.notice(text));
        let reason = Some("interrupted by its user".to_owned());
        if self.asked {
            say("stopping it at once");
            self.session.abort(&self.task.id, reason).await?;
        } else {
            say("asking the task to end; once more stops it at once");
            self.session.cancel(&self.task.id, reason).await?;
        }
        self.asked = true;
        Ok(())
    }
}
