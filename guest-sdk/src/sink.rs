//! What a kind reports through.
//! It does not end the task: what `start` and `reconcile` return does.

use serde::Serialize;

use crate::artifact::Artifact;
use crate::failure::Failure;
use crate::host;
use crate::links::Links;
use crate::message::{Message, Part};
use crate::progress::Progress;
use crate::refusal::Refusal;

/// The way from a task to its record and its session.
///
/// Every function is a point at which messages and a cancel reach the instance.
#[derive(Debug, Clone)]
pub struct Sink {
    _only_from_a_task: (),
}

impl Sink {
    pub(crate) fn new() -> Self {
        Self { _only_from_a_task: () }
    }

    /// Says in a few words what the task is doing. At most 256 bytes.
    pub async fn state(&self, detail: &str) -> Result<(), Refusal> {
        host::state(Some(detail.to_owned())).await
    }

    /// Takes back what [`Sink::state`] said.
    pub async fn clear_state(&self) -> Result<(), Refusal> {
        host::state(None).await
    }

    /// So many are done, of so many if that is known.
    pub async fn progress(&self, current: u64, total: impl Into<Option<u64>>) -> Result<(), Refusal> {
        self.report(Progress::of(current).total(total)).await
    }

    /// The same with a unit and a label.
    pub async fn report(&self, progress: Progress) -> Result<(), Refusal> {
        host::progress(progress).await
    }

    /// Appends to the task's output: bounded, kept as a capped log.
    pub async fn output(&self, text: impl Into<String>) -> Result<(), Refusal> {
        host::output(text.into()).await
    }

    /// Sends a message to the session and returns its id.
    pub async fn post(&self, part: impl Into<Part>) -> Result<String, Refusal> {
        host::post(vec![part.into()], None).await
    }

    /// Answers a message of the session and returns the answer's id.
    pub async fn reply(&self, to: &Message, part: impl Into<Part>) -> Result<String, Refusal> {
        host::post(vec![part.into()], Some(to.id.clone())).await
    }

    /// Sends a message of several parts, as an answer to another message if its id is given.
    pub async fn post_parts(&self, parts: Vec<Part>, in_reply_to: Option<&str>) -> Result<String, Refusal> {
        host::post(parts, in_reply_to.map(str::to_owned)).await
    }

    /// Asks the session something and returns the question's id at once, for kinds that hibernate until the answer. What
    /// waits in place is [`Task::ask`](crate::Task::ask).
    pub async fn request_input(&self, prompt: &str, expected: Option<&serde_json::Value>) -> Result<String, Refusal> {
        host::request_input(prompt.to_owned(), expected.map(ToString::to_string)).await
    }

    /// Appends to the draft of an artifact. A draft belongs to the attempt and is lost with it.
    pub async fn draft(&self, name: &str, chunk: impl Into<Vec<u8>>) -> Result<(), Refusal> {
        host::draft(name.to_owned(), chunk.into()).await
    }

    /// Adds an artifact to the task.
    pub async fn artifact(&self, artifact: Artifact) -> Result<(), Refusal> {
        host::artifact(artifact).await
    }

    /// Merges links into the task's.
    pub async fn link(&self, links: Links) -> Result<(), Refusal> {
        host::link(links).await
    }

    /// Replaces the checkpoint: what the next instance, or the next attempt, reads with
    /// [`Task::checkpoint`](crate::Task::checkpoint).
    pub async fn checkpoint(&self, state: &impl Serialize) -> Result<(), Failure> {
        Ok(host::checkpoint(serde_json::to_vec(state)?).await?)
    }

    /// The same with bytes of your own, which the next instance finds in `task.info.checkpoint`.
    pub async fn checkpoint_bytes(&self, state: impl Into<Vec<u8>>) -> Result<(), Refusal> {
        host::checkpoint(state.into()).await
    }
}
