//! What a native instance reports through: the claim's own host, behind a count and a gate that closes when the instance is
//! stopped.
//! Does not limit anything: the core's limits on a record hold, and a trusted kind has no budget.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use taskwright_registry::{Cancel, Links, Part, Progress, Schema, Timestamp, Usage};
use taskwright_sandbox::{
    ArtifactContent, AttemptHost, Child, NewArtifact, NewChild, OutputStream, Refusal, SpawnGrant, Spawned, StopReason,
};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::signal::Signal;

/// The host of one native instance. The instance may hand it to code that outlives it.
pub(crate) struct NativeHost {
    reports: Arc<dyn AttemptHost>,
    stop: Signal<Option<StopReason>>,
    /// Reports on their way to the store.
    on_their_way: TaskTracker,
    host_calls: AtomicU64,
    output_bytes: AtomicU64,
    artifact_bytes: AtomicU64,
    messages: AtomicU64,
    children: AtomicU64,
}

impl NativeHost {
    pub(crate) fn new(reports: Arc<dyn AttemptHost>) -> Self {
        Self {
            reports,
            stop: Signal::new(None),
            on_their_way: TaskTracker::new(),
            host_calls: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            artifact_bytes: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            children: AtomicU64::new(0),
        }
    }

    /// Closes the gate. The first reason stands.
    pub(crate) fn stop(&self, why: StopReason) {
        self.stop.change(|stop| {
            let first = stop.is_none();
            if first {
                *stop = Some(why);
            }
            first
        });
        self.on_their_way.close();
    }

    /// Waits, once the gate is closed, until no report is on its way any more.
    pub(crate) async fn silent(&self) {
        self.on_their_way.wait().await;
    }

    /// Waits until the gate is closed.
    pub(crate) async fn stopped(&self) -> StopReason {
        self.stop.wait_for(|stop| *stop).await
    }

    /// What the instance has reported so far. What was refused is not counted, except for the call.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            host_calls: self.host_calls.load(Relaxed),
            output_bytes: self.output_bytes.load(Relaxed),
            artifact_bytes: self.artifact_bytes.load(Relaxed),
            messages: self.messages.load(Relaxed),
            children: self.children.load(Relaxed),
            instances: 1,
            ..Usage::default()
        }
    }

    /// Counts a call and lets it in.
    ///
    /// The fence alone would not do: it lets the newest claim write, also after its instance has lain down.
    fn enter(&self) -> Result<TaskTrackerToken, Refusal> {
        self.host_calls.fetch_add(1, Relaxed);
        let token = self.on_their_way.token();
        match self.stop.look(|stop| *stop) {
            None => Ok(token),
            Some(StopReason::Superseded) => Err(Refusal::Superseded),
            Some(why) => Err(Refusal::Other(format!("the instance was stopped: {why}"))),
        }
    }
}

fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Relaxed);
}

#[async_trait]
impl AttemptHost for NativeHost {
    async fn state(&self, detail: Option<String>) -> Result<(), Refusal> {
        let _in = self.enter()?;
        self.reports.state(detail).await
    }

    async fn progress(&self, progress: Progress) -> Result<(), Refusal> {
        let _in = self.enter()?;
        self.reports.progress(progress).await
    }

    async fn output(&self, stream: OutputStream, text: String) -> Result<(), Refusal> {
        let _in = self.enter()?;
        let bytes = text.len();
        self.reports.output(stream, text).await?;
        add(&self.output_bytes, bytes);
        Ok(())
    }

    async fn post(&self, parts: Vec<Part>, in_reply_to: Option<String>) -> Result<String, Refusal> {
        let _in = self.enter()?;
        let id = self.reports.post(parts, in_reply_to).await?;
        add(&self.messages, 1);
        Ok(id)
    }

    async fn request_input(&self, prompt: String, expected: Option<Schema>) -> Result<String, Refusal> {
        let _in = self.enter()?;
        let id = self.reports.request_input(prompt, expected).await?;
        add(&self.messages, 1);
        Ok(id)
    }

    async fn draft(&self, name: String, chunk: Vec<u8>) -> Result<(), Refusal> {
        let _in = self.enter()?;
        let bytes = chunk.len();
        self.reports.draft(name, chunk).await?;
        add(&self.artifact_bytes, bytes);
        Ok(())
    }

    async fn artifact(&self, artifact: NewArtifact) -> Result<(), Refusal> {
        let _in = self.enter()?;
        let bytes = match &artifact.content {
            ArtifactContent::Bytes(bytes) => bytes.len(),
            ArtifactContent::Draft | ArtifactContent::Url(_) => 0,
        };
        self.reports.artifact(artifact).await?;
        add(&self.artifact_bytes, bytes);
        Ok(())
    }

    async fn link(&self, links: Links) -> Result<(), Refusal> {
        let _in = self.enter()?;
        self.reports.link(links).await
    }

    async fn checkpoint(&self, state: Vec<u8>) -> Result<(), Refusal> {
        let _in = self.enter()?;
        self.reports.checkpoint(state).await
    }

    fn cancel_requested(&self) -> Option<Cancel> {
        add(&self.host_calls, 1);
        self.reports.cancel_requested()
    }

    fn now(&self) -> Timestamp {
        add(&self.host_calls, 1);
        self.reports.now()
    }

    async fn spawn(&self, child: NewChild, within: Option<&SpawnGrant>) -> Result<Spawned, Refusal> {
        let _in = self.enter()?;
        let spawned = self.reports.spawn(child, within).await?;
        add(&self.children, usize::from(spawned.fresh));
        Ok(spawned)
    }

    async fn children(&self, after: Option<String>) -> Result<Vec<Child>, Refusal> {
        let _in = self.enter()?;
        self.reports.children(after).await
    }

    async fn child(&self, id: String) -> Result<Child, Refusal> {
        let _in = self.enter()?;
        self.reports.child(id).await
    }

    async fn child_result(&self, id: String) -> Result<Option<Value>, Refusal> {
        let _in = self.enter()?;
        self.reports.child_result(id).await
    }

    async fn wait_children(&self, ids: Vec<String>, timeout: Option<Duration>) -> Result<Option<Child>, Refusal> {
        // Not among the reports that a stopped instance is waited for: it writes nothing, and may take for ever.
        drop(self.enter()?);
        tokio::select! {
            biased;
            why = self.stopped() => Err(Refusal::Other(format!("the instance was stopped: {why}"))),
            ended = self.reports.wait_children(ids, timeout) => ended,
        }
    }

    async fn cancel_child(&self, id: String, reason: Option<String>) -> Result<(), Refusal> {
        let _in = self.enter()?;
        self.reports.cancel_child(id, reason).await
    }

    async fn message_child(
        &self,
        id: String,
        parts: Vec<Part>,
        in_reply_to: Option<String>,
    ) -> Result<String, Refusal> {
        let _in = self.enter()?;
        let id = self.reports.message_child(id, parts, in_reply_to).await?;
        add(&self.messages, 1);
        Ok(id)
    }

    fn task_folder(&self) -> Result<PathBuf, Refusal> {
        let _in = self.enter()?;
        self.reports.task_folder()
    }
}
