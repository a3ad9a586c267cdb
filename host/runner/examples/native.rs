//! A native kind from beginning to end: it asks the session something, waits for the answer and greets.
//! Does not show a component: `embed` does.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::sync::Arc;

use serde_json::json;
use taskwright_runner::registry::{Description, Failure, Message, Part, Reattach, Retry, State, TaskError};
use taskwright_runner::sandbox::{AttemptHost, OutputStream, Step, TaskContext};
use taskwright_runner::store::MemoryStore;
use taskwright_runner::{Inbox, NativeExecutor, NativeKind, Runner, RunnerConfig, async_trait};

struct Greet;

impl NativeKind for Greet {
    fn description(&self) -> Description {
        Description {
            kind: "greet".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Greets somebody the way they like.".to_owned(),
            spec_schema: json!({
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
            }),
            reattach: Reattach::Never,
            takes_messages: false,
            wants: Vec::new(),
        }
    }

    fn executor(&self, host: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        Box::new(Greeting { host, inbox: Inbox::default() })
    }
}

struct Greeting {
    host: Arc<dyn AttemptHost>,
    inbox: Inbox,
}

#[async_trait]
impl NativeExecutor for Greeting {
    async fn start(&self, task: TaskContext) -> Result<Step, Failure> {
        let question = self.host.request_input("Which greeting?".to_owned(), None).await?;
        let Some(answer) = self.inbox.answer(&question).await else {
            return Ok(Step::Canceled { summary: Some("nobody was greeted".to_owned()) });
        };
        let [Part::Text(greeting)] = &answer.parts[..] else {
            let error =
                TaskError { detail: None, kind: "no_text".to_owned(), message: "answer with one text".to_owned() };
            return Err(Failure { error, retry: Retry::Never });
        };
        let line = format!("{greeting}, {}!", task.task.spec["name"].as_str().unwrap_or_default());
        self.host.output(OutputStream::Output, format!("{line}\n")).await?;
        Ok(Step::Succeeded { summary: Some(line), result: None })
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let runner = Runner::open(MemoryStore::new(), folder.path(), RunnerConfig::default())?;
    runner.add_native_kind(Greet)?;
    runner.serve();

    let session = runner.session("demo".parse()?);
    let refused = session.task("greet", json!({"nam": "Ada"})).create().await;
    println!("{}", refused.err().map(|error| error.to_string()).unwrap_or_default());

    let task = session.task("greet", json!({"name": "Ada"})).create().await?;
    let asking = session.wait(&task.id, None).await?.task;
    println!("{}: {}", asking.state, asking.input_request.map(|open| open.prompt).unwrap_or_default());
    session.answer(&task.id, Part::Text("Good evening".to_owned())).await?;
    let done = session.outcome(&task.id).await?;
    println!("{}: {}", done.state, done.summary.unwrap_or_default());

    let task = session.task("greet", json!({"name": "Bob"})).create().await?;
    session.wait_until(&task.id, None, |task| task.state == State::AwaitingInput).await?;
    session.cancel(&task.id, Some("too late in the evening".to_owned())).await?;
    let done = session.outcome(&task.id).await?;
    println!("{}: {}", done.state, done.summary.unwrap_or_default());

    runner.drain().await;
    Ok(())
}
