//! The walk itself: takes step after step, and says when to hibernate.
//! It does not invent anything: the same specification, answers and messages make the same calls in the same order.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::Value;
use taskwright_guest::{Artifact, AskError, Failure, Links, Message, Outcome, Progress, Refusal, Sink, Step, Task};

use crate::Walked;
use crate::memory::Memory;
use crate::spec::{Ask, Fail, RetryAs, Spec, StepSpec};

/// Whether the walk goes on, or leaves with a step for the host.
type Flow = ControlFlow<Step<Walked>>;

/// Goes on behind the last checkpoint.
pub(crate) async fn walk(task: &Task<Spec>, woken: bool) -> Outcome<Walked> {
    let mut memory: Memory = task.checkpoint()?.unwrap_or_default();
    if woken {
        memory.wakes += 1;
    }
    while let Some(step) = task.spec.steps.get(memory.next) {
        if task.cancel_requested().is_some() {
            return Ok(Walked::canceled_before(memory.next, task.spec.steps.len()));
        }
        // A step that waits for messages gets those that are there already; otherwise they are kept for the result.
        if !matches!(step, StepSpec::Receive(true) | StepSpec::Stay(true)) {
            while let Some(message) = task.messages().try_next() {
                memory.messages.push(message.text());
            }
        }
        match take(task, step, &mut memory).await {
            Ok(ControlFlow::Continue(())) => {
                memory.next += 1;
                task.sink().checkpoint(&memory).await?;
            }
            Ok(ControlFlow::Break(left)) => return Ok(left),
            Err(failure) if failure.is_canceled() => {
                return Ok(Walked::canceled_before(memory.next, task.spec.steps.len()));
            }
            Err(failure) => return Err(failure),
        }
    }
    let Memory { next: steps, wakes, answers, messages, .. } = memory;
    let summary = format!("took {steps} {}", if steps == 1 { "step" } else { "steps" });
    Ok(Step::done(Walked { steps, attempt: task.info.attempt, wakes, answers, messages }).summary(summary))
}

async fn take(task: &Task<Spec>, step: &StepSpec, memory: &mut Memory) -> Result<Flow, Failure> {
    let sink = task.sink();
    match step {
        StepSpec::Say(text) => sink.output(format!("{text}\n")).await?,
        StepSpec::Key(call) => sink.output(format!("{}\n", task.idempotency_key(call))).await?,
        StepSpec::State(Some(detail)) => sink.state(detail).await?,
        StepSpec::State(None) => sink.clear_state().await?,
        StepSpec::Progress(report) => {
            let mut progress = Progress::of(report.current).total(report.total);
            progress.unit = report.unit.clone();
            progress.label = report.label.clone();
            sink.report(progress).await?;
        }
        StepSpec::Post(text) => drop(sink.post(text.as_str()).await?),
        StepSpec::PostData(data) => drop(sink.post(data.clone()).await?),
        StepSpec::Link(ids) => sink.link(Links::resources(ids)).await?,
        StepSpec::Artifact(file) => sink.artifact(Artifact::text(&file.name, &file.text)).await?,
        StepSpec::Draft(draft) => {
            for chunk in &draft.chunks {
                sink.draft(&draft.name, chunk.as_str()).await?;
            }
            sink.artifact(Artifact::drafted(&draft.name, "text/plain; charset=utf-8")).await?;
        }
        StepSpec::Ask(ask) if ask.hibernating => return ask_hibernating(task, ask, memory).await,
        StepSpec::Ask(ask) => {
            let answer = task.ask_with(&ask.prompt, ask.expected.as_ref()).await?;
            memory.answers.push(value_of(&answer));
        }
        StepSpec::SleepMs(milliseconds) => task.sleep(Duration::from_millis(*milliseconds)).await?,
        StepSpec::HibernateMs(milliseconds) => {
            return hibernate(&sink, memory, Step::Sleep(Duration::from_millis(*milliseconds))).await;
        }
        StepSpec::Wait(true) => return hibernate(&sink, memory, Step::Wait).await,
        StepSpec::Receive(true) => drop(echo_next(task, memory).await?),
        StepSpec::Stay(true) => while !echo_next(task, memory).await? {},
        StepSpec::Wait(false) | StepSpec::Receive(false) | StepSpec::Stay(false) => {}
        StepSpec::Fail(fail) => return fail_unless_late(task.info.attempt, fail),
        StepSpec::Panic(text) => panic!("{text}"),
    }
    Ok(ControlFlow::Continue(()))
}

/// Leaves behind the present step, which is remembered as taken.
async fn hibernate(sink: &Sink, memory: &mut Memory, left: Step<Walked>) -> Result<Flow, Failure> {
    memory.next += 1;
    sink.checkpoint(memory).await?;
    Ok(ControlFlow::Break(left))
}

/// Asks and leaves; the instance that is woken by the answer comes back here and goes on. One that is woken by anything
/// else leaves once more.
async fn ask_hibernating(task: &Task<Spec>, ask: &Ask, memory: &mut Memory) -> Result<Flow, Failure> {
    if !memory.asked {
        memory.asked = true;
        // Before the question, so that no attempt asks twice: a lost question is asked again below.
        task.sink().checkpoint(memory).await?;
        task.sink().request_input(&ask.prompt, ask.expected.as_ref()).await?;
        return Ok(ControlFlow::Break(Step::Wait));
    }
    if let Some(answer) = task.earlier_answer() {
        memory.answers.push(value_of(&answer));
        memory.asked = false;
        return Ok(ControlFlow::Continue(()));
    }
    if task.info.pending_input.is_none() {
        task.sink().request_input(&ask.prompt, ask.expected.as_ref()).await?;
    }
    Ok(ControlFlow::Break(Step::Wait))
}

/// Waits for a message and echoes it, unless it says `finish`; says whether it did.
async fn echo_next(task: &Task<Spec>, memory: &mut Memory) -> Result<bool, Failure> {
    let Some(message) = task.messages().next().await else {
        // There is none any more once the task is canceled, so this does not wait.
        let cancel = task.cancelled().await;
        return Err(AskError::from(taskwright_guest::Canceled(cancel)).into());
    };
    let text = message.text();
    let finish = text == "finish";
    if !finish {
        echo(&task.sink(), &message, &text).await?;
    }
    memory.messages.push(text);
    Ok(finish)
}

async fn echo(sink: &Sink, message: &Message, text: &str) -> Result<(), Refusal> {
    sink.reply(message, format!("echo: {text}")).await.map(drop)
}

fn value_of(answer: &Message) -> Value {
    answer.data().cloned().unwrap_or_else(|| Value::String(answer.text()))
}

fn fail_unless_late(attempt: u32, fail: &Fail) -> Result<Flow, Failure> {
    if fail.until_attempt.is_some_and(|first| attempt >= first) {
        return Ok(ControlFlow::Continue(()));
    }
    let failure = Failure::new(&fail.kind, &fail.message);
    Err(match fail.retry {
        RetryAs::Never => failure,
        RetryAs::Backoff => failure.retry(),
        RetryAs::AfterMs(milliseconds) => failure.retry_after(Duration::from_millis(milliseconds)),
    })
}
