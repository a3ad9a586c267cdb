//! A host that accepts everything, keeps nothing, and rings when a guest says what it is at.
//! Does not write anything down, so that a store's share is not in the figures.

use async_trait::async_trait;
use taskwright_registry::{Cancel, Links, NewTask, Part, Progress, Schema, TaskId, Timestamp, create};
use taskwright_sandbox::{AttemptHost, NewArtifact, OutputStream, Refusal, TaskContext};
use tokio::sync::mpsc::UnboundedSender;

/// The host.
#[derive(Default)]
pub(crate) struct Nowhere {
    /// Rung at every report of a state.
    pub(crate) bell: Option<UnboundedSender<()>>,
}

/// A task as a sandbox takes it.
pub(crate) fn task(kind: &str, spec: serde_json::Value) -> anyhow::Result<TaskContext> {
    let new = NewTask::new(TaskId::new(Timestamp::default(), [0; 10]), "session".parse()?, kind, spec);
    let task = create(new, Timestamp::default()).map_err(|rejection| anyhow::anyhow!("{rejection:?}"))?;
    Ok(TaskContext { task, checkpoint: None })
}

#[async_trait]
impl AttemptHost for Nowhere {
    async fn state(&self, _: Option<String>) -> Result<(), Refusal> {
        if let Some(bell) = &self.bell {
            // Whoever no longer listens has heard enough.
            let _ = bell.send(());
        }
        Ok(())
    }
    async fn progress(&self, _: Progress) -> Result<(), Refusal> {
        Ok(())
    }
    async fn output(&self, _: OutputStream, _: String) -> Result<(), Refusal> {
        Ok(())
    }
    async fn post(&self, _: Vec<Part>, _: Option<String>) -> Result<String, Refusal> {
        Ok("tmsg_1".to_owned())
    }
    async fn request_input(&self, _: String, _: Option<Schema>) -> Result<String, Refusal> {
        Ok("inreq_1".to_owned())
    }
    async fn draft(&self, _: String, _: Vec<u8>) -> Result<(), Refusal> {
        Ok(())
    }
    async fn artifact(&self, _: NewArtifact) -> Result<(), Refusal> {
        Ok(())
    }
    async fn link(&self, _: Links) -> Result<(), Refusal> {
        Ok(())
    }
    async fn checkpoint(&self, _: Vec<u8>) -> Result<(), Refusal> {
        Ok(())
    }
    fn cancel_requested(&self) -> Option<Cancel> {
        None
    }
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
}
