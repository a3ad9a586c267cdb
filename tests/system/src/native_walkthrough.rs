//! The kind `walkthrough` as native code: the same specification, calls and results as `components/walkthrough`.
//! Does not share its walk: that one is written against the guest's SDK.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use taskwright_guest::Kind;
use taskwright_runner::registry::{
    Description, Failure, Links, Message, Part, Progress, Reattach, Retry, Schema, TaskError, idempotency_key,
};
use taskwright_runner::sandbox::{ArtifactContent, AttemptHost, NewArtifact, OutputStream, Refusal, Step, TaskContext};
use taskwright_runner::{Inbox, NativeExecutor, NativeKind, async_trait};
use walkthrough::{Ask, Fail, RetryAs, Spec, StepSpec, Walkthrough};

/// The kind.
#[derive(Debug)]
pub struct NativeWalkthrough;

impl NativeKind for NativeWalkthrough {
    fn description(&self) -> Description {
        let said = Walkthrough::describe();
        Description {
            kind: said.kind,
            version: said.version,
            summary: said.summary,
            spec_schema: taskwright_guest::mock::spec_schema::<Walkthrough>(),
            reattach: Reattach::Always,
            takes_messages: said.takes_messages,
            wants: Vec::new(),
        }
    }

    fn executor(&self, host: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        Box::new(Walk { host, inbox: Inbox::default(), taken_up: AtomicBool::new(false) })
    }
}

/// The checkpoint.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    next: usize,
    asked: bool,
    wakes: u32,
    answers: Vec<Value>,
    messages: Vec<String>,
}

/// Why the walk does not go on.
enum Left {
    With(Step),
    Canceled,
    Failed(Failure),
}

impl From<Refusal> for Left {
    fn from(refusal: Refusal) -> Self {
        Left::Failed(refusal.into())
    }
}

struct Walk {
    host: Arc<dyn AttemptHost>,
    inbox: Inbox,
    /// Whether the question that was open when the instance began has been taken up.
    taken_up: AtomicBool,
}

#[async_trait]
impl NativeExecutor for Walk {
    async fn start(&self, task: TaskContext) -> Result<Step, Failure> {
        self.walk(&task, false).await
    }

    async fn reconcile(&self, task: TaskContext) -> Result<Step, Failure> {
        self.walk(&task, true).await
    }

    async fn deliver(&self, _task: TaskContext, message: Message) -> Result<(), Failure> {
        self.inbox.put(message).await;
        Ok(())
    }

    async fn cancel(&self, _task: TaskContext) -> Result<(), Failure> {
        self.inbox.cancel();
        Ok(())
    }
}

impl Walk {
    async fn walk(&self, task: &TaskContext, woken: bool) -> Result<Step, Failure> {
        let spec: Spec = serde_json::from_value(task.task.spec.clone()).map_err(|error| failure("bad_spec", error))?;
        let of = spec.steps.len();
        let mut memory = match &task.checkpoint {
            Some(bytes) => serde_json::from_slice(bytes).map_err(|error| failure("bad_checkpoint", error))?,
            None => Memory::default(),
        };
        memory.wakes += u32::from(woken);
        while let Some(step) = spec.steps.get(memory.next) {
            match self.step(task, step, &mut memory).await {
                Ok(()) => {}
                Err(Left::With(left)) => return Ok(left),
                Err(Left::Failed(failure)) => return Err(failure),
                Err(Left::Canceled) => {
                    let summary = format!("canceled before step {} of {of}", memory.next + 1);
                    return Ok(Step::Canceled { summary: Some(summary) });
                }
            }
        }
        let Memory { next: steps, wakes, answers, messages, .. } = memory;
        let attempt = task.task.attempt;
        let result =
            json!({"steps": steps, "attempt": attempt, "wakes": wakes, "answers": answers, "messages": messages});
        let summary = format!("took {steps} {}", if steps == 1 { "step" } else { "steps" });
        Ok(Step::Succeeded { summary: Some(summary), result: Some(result) })
    }

    /// Takes the next step and remembers it as taken.
    async fn step(&self, task: &TaskContext, step: &StepSpec, memory: &mut Memory) -> Result<(), Left> {
        if self.host.cancel_requested().is_some() {
            return Err(Left::Canceled);
        }
        // A step that waits for messages gets those that are there already; otherwise they are kept for the result.
        if !matches!(step, StepSpec::Receive(true) | StepSpec::Stay(true)) {
            while let Some(message) = self.inbox.try_next() {
                memory.messages.push(text(&message));
            }
        }
        self.take(task, step, memory).await?;
        memory.next += 1;
        self.remember(memory).await
    }

    async fn take(&self, task: &TaskContext, step: &StepSpec, memory: &mut Memory) -> Result<(), Left> {
        let host = &self.host;
        match step {
            StepSpec::Key(call) => {
                let key = idempotency_key(&task.task.id, task.task.attempt, call);
                host.output(OutputStream::Output, format!("{key}\n")).await?;
            }
            StepSpec::Say(text) => host.output(OutputStream::Output, format!("{text}\n")).await?,
            StepSpec::State(detail) => host.state(detail.clone()).await?,
            StepSpec::Progress(report) => {
                let (unit, label) = (report.unit.clone(), report.label.clone());
                host.progress(Progress { current: report.current, total: report.total, unit, label }).await?;
            }
            StepSpec::Post(text) => drop(host.post(vec![Part::Text(text.clone())], None).await?),
            StepSpec::PostData(data) => drop(host.post(vec![Part::Data(data.clone())], None).await?),
            StepSpec::Link(ids) => host.link(Links { resource_ids: ids.clone(), ..Links::default() }).await?,
            StepSpec::Artifact(file) => {
                self.artifact(&file.name, ArtifactContent::Bytes(file.text.clone().into_bytes())).await?;
            }
            StepSpec::Draft(draft) => {
                for chunk in &draft.chunks {
                    host.draft(draft.name.clone(), chunk.clone().into_bytes()).await?;
                }
                self.artifact(&draft.name, ArtifactContent::Draft).await?;
            }
            StepSpec::Ask(ask) => self.ask(task, ask, memory).await?,
            StepSpec::SleepMs(milliseconds) => tokio::select! {
                biased;
                () = self.inbox.canceled() => return Err(Left::Canceled),
                () = tokio::time::sleep(Duration::from_millis(*milliseconds)) => {}
            },
            StepSpec::HibernateMs(milliseconds) => {
                return self.hibernate(memory, Step::Sleep(Duration::from_millis(*milliseconds))).await;
            }
            StepSpec::Wait(true) => return self.hibernate(memory, Step::Wait).await,
            StepSpec::Receive(true) => drop(self.echo_next(memory).await?),
            StepSpec::Stay(true) => while !self.echo_next(memory).await? {},
            StepSpec::Wait(false) | StepSpec::Receive(false) | StepSpec::Stay(false) => {}
            StepSpec::Fail(fail) if fail.until_attempt.is_some_and(|first| task.task.attempt >= first) => {}
            StepSpec::Fail(fail) => return Err(Left::Failed(failure_of(fail))),
            StepSpec::Panic(text) => panic!("{text}"),
        }
        Ok(())
    }

    async fn remember(&self, memory: &Memory) -> Result<(), Left> {
        let bytes = serde_json::to_vec(memory).map_err(|error| Left::Failed(failure("bad_json", error)))?;
        Ok(self.host.checkpoint(bytes).await?)
    }

    /// Leaves behind the present step, which is remembered as taken.
    async fn hibernate(&self, memory: &mut Memory, left: Step) -> Result<(), Left> {
        memory.next += 1;
        self.remember(memory).await?;
        Err(Left::With(left))
    }

    async fn artifact(&self, name: &str, content: ArtifactContent) -> Result<(), Refusal> {
        let media_type = "text/plain; charset=utf-8".to_owned();
        self.host.artifact(NewArtifact { name: name.to_owned(), media_type, content }).await
    }

    /// Asks what nobody has asked yet. Waits for the answer in place, or hibernates and comes back here with it.
    async fn ask(&self, task: &TaskContext, ask: &Ask, memory: &mut Memory) -> Result<(), Left> {
        let pending = task.task.input_request.as_ref().filter(|open| open.prompt == ask.prompt);
        let pending = pending.filter(|_| !self.taken_up.swap(true, Ordering::SeqCst));
        let mut answer = if pending.is_none() { self.inbox.earlier_answer() } else { None };
        if answer.is_none() {
            if ask.hibernating && !memory.asked {
                memory.asked = true;
                // Before the question, so that no attempt asks twice.
                self.remember(memory).await?;
            }
            let id = match pending {
                Some(open) => open.id.to_string(),
                None => {
                    let expected = ask.expected.clone().map(Schema::from);
                    self.host.request_input(ask.prompt.clone(), expected).await?
                }
            };
            if ask.hibernating {
                return Err(Left::With(Step::Wait));
            }
            answer = self.inbox.answer(&id).await;
        }
        let answer = answer.ok_or(Left::Canceled)?;
        memory.asked = false;
        memory.answers.push(value_of(&answer));
        Ok(())
    }

    /// Waits for a message and echoes it, unless it says `finish`; says whether it did.
    async fn echo_next(&self, memory: &mut Memory) -> Result<bool, Left> {
        let message = self.inbox.next().await.ok_or(Left::Canceled)?;
        let text = text(&message);
        let finish = text == "finish";
        if !finish {
            self.host.post(vec![Part::Text(format!("echo: {text}"))], Some(message.id.to_string())).await?;
        }
        memory.messages.push(text);
        Ok(finish)
    }
}

fn text(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Data(_) => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn value_of(answer: &Message) -> Value {
    let data = answer.parts.iter().find_map(|part| match part {
        Part::Data(value) => Some(value.clone()),
        Part::Text(_) => None,
    });
    data.unwrap_or_else(|| Value::String(text(answer)))
}

fn failure(kind: &str, message: impl ToString) -> Failure {
    Failure {
        error: TaskError { detail: None, kind: kind.to_owned(), message: message.to_string() },
        retry: Retry::Never,
    }
}

fn failure_of(fail: &Fail) -> Failure {
    let retry = match fail.retry {
        RetryAs::Never => Retry::Never,
        RetryAs::Backoff => Retry::Backoff,
        RetryAs::AfterMs(milliseconds) => Retry::After(milliseconds),
    };
    Failure { retry, ..failure(&fail.kind, &fail.message) }
}
