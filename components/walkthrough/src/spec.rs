//! The steps that a walk can be told to take.
//! It does not say how they are taken: `walk` does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a walk consists of.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Taken in order. After each one a checkpoint is written, so that a later attempt goes on behind it.
    #[serde(default)]
    pub steps: Vec<StepSpec>,
}

/// One step: an object with one key, such as `{"say": "hello"}`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepSpec {
    /// Appends a line to the output.
    Say(String),
    /// Appends the idempotency key of the call of this name to the output, as a line.
    Key(String),
    /// Sets the state's detail; `null` clears it.
    State(Option<String>),
    /// Reports progress.
    Progress(ProgressReport),
    /// Posts a message of text to the session.
    Post(String),
    /// Posts a message of data to the session.
    PostData(Value),
    /// Adds links to resources.
    Link(Vec<String>),
    /// Adds an artifact.
    Artifact(File),
    /// Drafts an artifact chunk by chunk and then adds it.
    Draft(Draft),
    /// Asks, and keeps the answer for the result. A cancel meanwhile ends the task as canceled.
    Ask(Ask),
    /// Waits resident for so many milliseconds. A cancel meanwhile ends the task as canceled.
    SleepMs(u64),
    /// Hibernates for so many milliseconds, or until a message arrives.
    HibernateMs(u64),
    /// `true` hibernates until a message arrives; `false` does nothing.
    Wait(bool),
    /// `true` stays resident for one message and echoes it as a reply; `false` does nothing.
    Receive(bool),
    /// `true` stays resident until a message says `finish` or a cancel comes, and echoes every other message as a reply;
    /// `false` does nothing.
    Stay(bool),
    /// Fails, unless the attempt is late enough.
    Fail(Fail),
    /// Panics with this text.
    Panic(String),
}

/// A report of progress.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgressReport {
    /// How many are done.
    pub current: u64,
    /// How many there are.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: Option<String>,
    /// What is being done.
    pub label: Option<String>,
}

/// A text file.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// A text file that is written in pieces.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub chunks: Vec<String>,
}

/// A question.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// What is asked.
    pub prompt: String,
    /// JSON Schema that the answer must satisfy.
    pub expected: Option<Value>,
    /// Whether the task hibernates until the answer rather than stay resident.
    #[serde(default)]
    pub hibernating: bool,
}

/// A failure.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// The failure's word.
    pub kind: String,
    /// The failure's text.
    pub message: String,
    /// Whether the host may try again.
    #[serde(default)]
    pub retry: RetryAs,
    /// The first attempt that does not fail at this step.
    pub until_attempt: Option<u32>,
}

/// Whether the host may try again.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryAs {
    /// No.
    #[default]
    Never,
    /// After the task's own backoff.
    Backoff,
    /// After so many milliseconds.
    AfterMs(u64),
}
