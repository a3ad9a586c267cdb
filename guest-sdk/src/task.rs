//! The task that an instance was made for, as a kind sees it.
//! It does not change the record: the sink reports, and the host decides.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ask::{self, AskError};
use crate::cancel::{self, Cancel, Canceled};
use crate::child::{self, Child, ChildInfo, NewChild};
use crate::failure::Failure;
use crate::inbox::Messages;
use crate::instance::Instance;
use crate::message::{InputRequest, Message};
use crate::refusal::Refusal;
use crate::sink::Sink;
use crate::{clock, host};

/// Where a task came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    /// The task that spawned it.
    pub task_id: Option<String>,
    /// The agent's run.
    pub run_id: Option<String>,
    /// The tool call.
    pub call_id: Option<String>,
    /// The agent.
    pub agent_id: Option<String>,
}

/// What the host says of the task: a copy taken when the call began.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskInfo {
    /// `task_` and 32 hexadecimal digits. For display and for keys of your own.
    pub id: String,
    /// The session that owns the task.
    pub session_id: String,
    /// The kind's name.
    pub kind: String,
    /// What a person reads.
    pub display_name: String,
    /// A name that is unique among the session's live tasks.
    pub name: Option<String>,
    /// Which attempt this instance is. Starts at 1 and only grows.
    pub attempt: u32,
    /// How many attempts failures that ask for a retry may use.
    pub max_attempts: u32,
    /// The bytes of the newest checkpoint, of this attempt or an earlier one.
    pub checkpoint: Option<Vec<u8>>,
    /// The question that is still unanswered.
    pub pending_input: Option<InputRequest>,
    /// Present when the session has asked for the task's end.
    pub cancel: Option<Cancel>,
    /// Where the task came from.
    pub parent: Option<Lineage>,
    /// Milliseconds since 1970 at which the task as a whole must be over.
    pub deadline: Option<u64>,
    /// Milliseconds since 1970 at which the task was created.
    pub created_at: u64,
}

/// A task with its specification.
#[derive(Debug)]
pub struct Task<S> {
    /// What the creator of the task wants. The host has checked it against the type's JSON Schema.
    pub spec: S,
    /// What the host says of the task.
    pub info: TaskInfo,
    pub(crate) instance: Rc<Instance>,
}

impl<S> Task<S> {
    /// What the task reports through.
    pub fn sink(&self) -> Sink {
        Sink::new()
    }

    /// Asks the session something and waits for the answer's text.
    ///
    /// A question with the same prompt that is already pending, because an earlier attempt or instance asked it, is not
    /// asked again. An answer that woke this instance goes to the first question that it asks. Between two instances
    /// ask one question at a time.
    pub async fn ask(&self, prompt: &str) -> Result<String, AskError> {
        Ok(self.ask_with(prompt, None).await?.text())
    }

    /// Asks for a value: the type's JSON Schema is what the host holds the answer to.
    pub async fn ask_for<T: DeserializeOwned + JsonSchema>(&self, prompt: &str) -> Result<T, AskError> {
        ask::ask_for(&self.instance, prompt).await
    }

    /// Asks with a JSON Schema of your own and waits for the message that answers.
    pub async fn ask_with(&self, prompt: &str, expected: Option<&Value>) -> Result<Message, AskError> {
        ask::ask(&self.instance, prompt, expected).await
    }

    /// The answer to a question that an earlier instance asked before it hibernated, if it has come and has not been
    /// taken.
    pub fn earlier_answer(&self) -> Option<Message> {
        self.instance.earlier_answer()
    }

    /// The messages of the session. The kind must say [`takes_messages`](crate::Description::takes_messages).
    pub fn messages(&self) -> Messages {
        Messages { instance: Rc::clone(&self.instance) }
    }

    /// Resolves once the session has asked for the task's end.
    pub fn cancelled(&self) -> impl Future<Output = Cancel> + use<S> {
        cancel::cancelled(Rc::clone(&self.instance))
    }

    /// The session's wish that the task ends, if there is one. It never waits, so it also works in a long stretch of
    /// computing in which nothing can reach the instance.
    pub fn cancel_requested(&self) -> Option<Cancel> {
        if let Some(cancel) = self.instance.cancel() {
            return Some(cancel);
        }
        let cancel = host::cancel_requested()?;
        self.instance.request_cancel(cancel.clone());
        Some(cancel)
    }

    /// Begins a child task, or finds the one that the same call has begun, also in an earlier attempt.
    pub async fn spawn(&self, child: NewChild) -> Result<Child, Refusal> {
        host::spawn(child).await.map(Child::with_id)
    }

    /// The children of this task, oldest first.
    pub async fn children(&self) -> Result<Vec<ChildInfo>, Refusal> {
        let mut all: Vec<ChildInfo> = Vec::new();
        loop {
            let page = host::children(all.last().map(|child| child.id.clone())).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Waits until one of these children is over; `None` when the time is over before.
    pub async fn wait_any(&self, children: &[Child], timeout: Option<Duration>) -> Result<Option<ChildInfo>, Refusal> {
        child::wait_any(children, timeout).await
    }

    /// A key for something that is done elsewhere and must not be done twice: send it along, for instance as the HTTP
    /// header `Idempotency-Key`, and whoever is called can tell a repetition. `call` is the kind's own name for it, such as
    /// `charge` or `charge/3`, at most 256 bytes; the host ends the attempt at a longer one.
    ///
    /// The key is the same whenever this attempt asks for it, also on a fresh instance after hibernation or a host that
    /// was started anew. Another attempt gets another key: a kind that must not do something twice in its task's whole life
    /// keeps the first attempt's key in its checkpoint.
    pub fn idempotency_key(&self, call: &str) -> String {
        host::idempotency_key(call)
    }

    /// Runs a future until the session asks for the task's end.
    pub async fn unless_canceled<F: Future>(&self, future: F) -> Result<F::Output, Canceled> {
        cancel::unless_canceled(&self.instance, future).await
    }

    /// Waits for at least this time, or until the session asks for the task's end.
    pub async fn sleep(&self, duration: Duration) -> Result<(), Canceled> {
        self.unless_canceled(clock::sleep(duration)).await
    }

    /// The newest checkpoint that an earlier instance or attempt left, read as what
    /// [`Sink::checkpoint`](crate::Sink::checkpoint) wrote.
    pub fn checkpoint<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        let Some(bytes) = &self.info.checkpoint else { return Ok(None) };
        serde_json::from_slice(bytes).map(Some).map_err(|error| {
            Failure::new("bad_checkpoint", format!("the checkpoint is not of the type it is read as: {error}"))
        })
    }
}
