//! Child tasks: further tasks of the session that a kind begins and waits for.
//! It does not run them: the host does, as it runs any task.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::milliseconds;
use crate::description::Budget;
use crate::failure::Failure;
use crate::host;
use crate::message::{InputRequest, Part};
use crate::progress::Progress;
use crate::refusal::Refusal;

/// A child that is to be begun with [`Task::spawn`](crate::Task::spawn).
#[derive(Debug, Clone, PartialEq)]
pub struct NewChild {
    /// The kind's own name for the call, 1 to 128 bytes: the same name again is the same child, in every attempt.
    pub call: String,
    /// Of which kind.
    pub kind: String,
    /// What it is for.
    pub spec: Value,
    /// What a person reads; the kind's name if absent.
    pub display_name: Option<String>,
    /// A name that is unique among the session's live tasks.
    pub name: Option<String>,
    /// How many attempts failures that ask for a retry may use.
    pub max_attempts: u32,
    /// What an attempt may use, if less than otherwise.
    pub budget: Budget,
    /// How long from now until it must be over.
    pub deadline: Option<Duration>,
    /// How long one attempt may take.
    pub attempt_timeout: Option<Duration>,
}

impl NewChild {
    /// A child with one attempt. `call` is what tells it from the task's other children, such as `page/3`.
    ///
    /// # Panics
    /// If the specification cannot be written as JSON.
    pub fn new(call: impl Into<String>, kind: impl Into<String>, spec: impl Serialize) -> Self {
        Self {
            call: call.into(),
            kind: kind.into(),
            spec: serde_json::to_value(spec).expect("a specification is written as JSON"),
            display_name: None,
            name: None,
            max_attempts: 1,
            budget: Budget::default(),
            deadline: None,
            attempt_timeout: None,
        }
    }

    /// What a person reads.
    pub fn display_name(mut self, text: impl Into<String>) -> Self {
        self.display_name = Some(text.into());
        self
    }

    /// How many attempts failures that ask for a retry may use.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// What an attempt may use, if less than otherwise.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// How long from now until it must be over.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }
}

/// Where a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the states of every task")]
pub enum ChildState {
    Queued,
    Running,
    AwaitingInput,
    Succeeded,
    Failed,
    Canceled,
}

impl ChildState {
    /// Whether the child is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

/// A child as it was when the host was asked. Its texts are those of another kind.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildInfo {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// What a person reads.
    pub display_name: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it stands.
    pub state: ChildState,
    /// What it is doing, in its own words.
    pub state_detail: Option<String>,
    /// How far it has come.
    pub progress: Option<Progress>,
    /// What it has asked the session.
    pub question: Option<InputRequest>,
    /// One line about its end.
    pub summary: Option<String>,
    /// Why it, or its last attempt, failed: a short word and a message.
    pub error: Option<(String, String)>,
    /// Its attempt.
    pub attempt: u32,
    /// Milliseconds since 1970 at which it was created.
    pub created_at: u64,
    /// Milliseconds since 1970 at which it was over.
    pub finished_at: Option<u64>,
}

/// A child of the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    id: String,
}

impl Child {
    /// The child of this id. The host knows whether it is one.
    pub fn with_id(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How it stands.
    pub async fn info(&self) -> Result<ChildInfo, Refusal> {
        host::child(self.id.clone()).await
    }

    /// Waits until it is over. A kind that may wait for long returns [`Step::Wait`](crate::Step::Wait) instead: the end of a
    /// child wakes its task.
    pub async fn ended(&self) -> Result<ChildInfo, Refusal> {
        loop {
            if let Some(ended) = host::wait_children(vec![self.id.clone()], None).await? {
                return Ok(ended);
            }
        }
    }

    /// Waits until it has succeeded, and returns what it left.
    ///
    /// # Errors
    /// A `Failure` that says how it ended, if otherwise, or that its result is of another type.
    pub async fn output<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let ended = self.ended().await?;
        if ended.state != ChildState::Succeeded {
            let why = ended.error.map_or_else(String::new, |(kind, message)| format!(": {kind}: {message}"));
            let state = if ended.state == ChildState::Canceled { "was canceled" } else { "failed" };
            return Err(Failure::new("child_failed", format!("the child `{}` {state}{why}", ended.display_name)));
        }
        let result = self.result().await?.unwrap_or(Value::Null);
        serde_json::from_value(result).map_err(|error| {
            let child = ended.display_name;
            Failure::new(
                "bad_child_result",
                format!("the result of `{child}` is not of the type it is read as: {error}"),
            )
        })
    }

    /// What it has left as its result, if it has.
    pub async fn result(&self) -> Result<Option<Value>, Refusal> {
        host::child_result(self.id.clone()).await
    }

    /// Asks for its end.
    pub async fn cancel(&self, reason: Option<&str>) -> Result<(), Refusal> {
        host::cancel_child(self.id.clone(), reason.map(str::to_owned)).await
    }

    /// Sends it a message and returns the message's id.
    pub async fn send(&self, part: impl Into<Part>) -> Result<String, Refusal> {
        host::message_child(self.id.clone(), vec![part.into()], None).await
    }

    /// Answers its question in the session's place.
    pub async fn answer(&self, question: &InputRequest, part: impl Into<Part>) -> Result<String, Refusal> {
        host::message_child(self.id.clone(), vec![part.into()], Some(question.id.clone())).await
    }
}

pub(crate) async fn wait_any(children: &[Child], timeout: Option<Duration>) -> Result<Option<ChildInfo>, Refusal> {
    let ids = children.iter().map(|child| child.id.clone()).collect();
    let timeout = timeout.map(milliseconds);
    host::wait_children(ids, timeout).await
}
