//! One instance of a kind, as an execution sees it: calls, a stop, what was used.
//! Does not say what is behind it: a component in the sandbox, or code of the embedding process.

use async_trait::async_trait;
use taskwright_registry::{Message, Usage};
use taskwright_sandbox::{AttemptError, Step, StopReason, TaskContext};

/// An instance. It belongs to one claim of one task. Calls may overlap, and go on when their caller stops waiting.
#[async_trait]
pub(crate) trait Instance: Send + Sync {
    /// Does the work.
    async fn start(&self, task: TaskContext) -> Result<Step, AttemptError>;
    /// Looks again after hibernation.
    async fn reconcile(&self, task: TaskContext) -> Result<Step, AttemptError>;
    /// Hands a message over.
    async fn deliver(&self, task: TaskContext, message: Message) -> Result<(), AttemptError>;
    /// Says that the session wants the task to end.
    async fn cancel(&self, task: TaskContext) -> Result<(), AttemptError>;
    /// Ends the instance, whatever it does. The first reason stands.
    fn stop(&self, why: StopReason);
    /// What it has used so far.
    fn usage(&self) -> Usage;
    /// Returns when a stopped instance is gone; or a second after it was stopped, if it blocks the thread it is on.
    async fn stopped(&self);
}

#[async_trait]
impl Instance for taskwright_sandbox::Instance {
    async fn start(&self, task: TaskContext) -> Result<Step, AttemptError> {
        self.start(task).await
    }

    async fn reconcile(&self, task: TaskContext) -> Result<Step, AttemptError> {
        self.reconcile(task).await
    }

    async fn deliver(&self, task: TaskContext, message: Message) -> Result<(), AttemptError> {
        self.deliver(task, message).await
    }

    async fn cancel(&self, task: TaskContext) -> Result<(), AttemptError> {
        self.cancel(task).await
    }

    fn stop(&self, why: StopReason) {
        self.stop(why);
    }

    fn usage(&self) -> Usage {
        self.usage()
    }

    async fn stopped(&self) {
        self.stopped().await;
    }
}
