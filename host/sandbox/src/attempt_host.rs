//! The other side of a guest's calls, as the sandbox sees it.
//! Does not count or limit: the sandbox has done that before it calls here.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use taskwright_registry::{Cancel, Links, Part, Progress, Schema, Timestamp};

use crate::{Child, NewArtifact, NewChild, RecordBytes, Refusal, SpawnGrant, Spawned};

fn no_children<T>() -> Result<T, Refusal> {
    Err(Refusal::Other("this host has no child tasks".to_owned()))
}

/// Where a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// `sink.output`.
    Output,
    /// The guest's standard output.
    Stdout,
    /// The guest's standard error.
    Stderr,
}

/// What a guest's reports lead to. One is made for each session, task, attempt and claim, and bound to them.
///
/// Calls of one instance may overlap. Texts are untrusted and may hold control characters. A call may be dropped at any
/// of its awaits, when the instance is stopped.
#[async_trait]
pub trait AttemptHost: Send + Sync + 'static {
    /// See `sink.state`.
    async fn state(&self, detail: Option<String>) -> Result<(), Refusal>;
    /// See `sink.progress`.
    async fn progress(&self, progress: Progress) -> Result<(), Refusal>;
    /// See `sink.output`; also what the guest prints.
    async fn output(&self, stream: OutputStream, text: String) -> Result<(), Refusal>;
    /// See `sink.post`. Returns the message's id.
    async fn post(&self, parts: Vec<Part>, in_reply_to: Option<String>) -> Result<String, Refusal>;
    /// See `sink.request-input`. Returns the request's id.
    async fn request_input(&self, prompt: String, expected: Option<Schema>) -> Result<String, Refusal>;
    /// See `sink.draft`.
    async fn draft(&self, name: String, chunk: Vec<u8>) -> Result<(), Refusal>;
    /// See `sink.artifact`.
    async fn artifact(&self, artifact: NewArtifact) -> Result<(), Refusal>;
    /// See `sink.link`.
    async fn link(&self, links: Links) -> Result<(), Refusal>;
    /// See `sink.checkpoint`.
    async fn checkpoint(&self, state: Vec<u8>) -> Result<(), Refusal>;
    /// See `control.cancel-requested`. Must not block.
    fn cancel_requested(&self) -> Option<Cancel>;
    /// See `clock.now`. Must not block.
    fn now(&self) -> Timestamp;
    /// See `spawner.spawn`. `within` is what the operator grants; none for trusted code, which has no limits but the one on
    /// generations.
    async fn spawn(&self, child: NewChild, within: Option<&SpawnGrant>) -> Result<Spawned, Refusal> {
        let _ = (child, within);
        no_children()
    }
    /// See `spawner.children`.
    async fn children(&self, after: Option<String>) -> Result<Vec<Child>, Refusal> {
        let _ = after;
        no_children()
    }
    /// See `spawner.child`.
    async fn child(&self, id: String) -> Result<Child, Refusal> {
        let _ = id;
        no_children()
    }
    /// See `spawner.child-result`.
    async fn child_result(&self, id: String) -> Result<Option<Value>, Refusal> {
        let _ = id;
        no_children()
    }
    /// See `spawner.wait`.
    async fn wait_children(&self, ids: Vec<String>, timeout: Option<Duration>) -> Result<Option<Child>, Refusal> {
        let _ = (ids, timeout);
        no_children()
    }
    /// See `spawner.cancel-child`.
    async fn cancel_child(&self, id: String, reason: Option<String>) -> Result<(), Refusal> {
        let _ = (id, reason);
        no_children()
    }
    /// See `spawner.message-child`. Returns the message's id.
    async fn message_child(
        &self,
        id: String,
        parts: Vec<Part>,
        in_reply_to: Option<String>,
    ) -> Result<String, Refusal> {
        let _ = (id, parts, in_reply_to);
        no_children()
    }
    /// Hands over the count of what reports make the store write, before the first of them. Who does not count them need not
    /// keep it.
    fn count_records_by(&self, counter: RecordBytes) {
        let _ = counter;
    }
    /// Whether the disk has room for what a guest writes into its task's own folder. Must not block for long.
    fn has_disk_space(&self) -> bool {
        true
    }
    /// Makes the task's own folder, if it is missing, and says where it lies. Asked when an instance is made that is granted
    /// it.
    ///
    /// # Errors
    /// Why this host has none.
    fn task_folder(&self) -> Result<PathBuf, Refusal> {
        Err(Refusal::Other("this host has no folders for tasks".to_owned()))
    }
}
