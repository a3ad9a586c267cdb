//! Kinds that are code of the embedding process: what their author writes.
//! Does not confine them: such code is trusted, and can do whatever its process can.

use std::sync::Arc;

use async_trait::async_trait;
use taskwright_registry::{Description, Failure, Message, Retry, TaskError};
use taskwright_sandbox::{AttemptHost, Step, TaskContext};

/// A kind of task in trusted Rust. Added with [`Runner::add_native_kind`](crate::Runner::add_native_kind).
///
/// It lives as a component's kind does: an executor for each claim of a task, the same calls, the same record. What it
/// does not get is a sandbox: no budget, no grants, no limit on time beyond the task's deadline.
pub trait NativeKind: Send + Sync + 'static {
    /// What the kind says of itself. Asked once, when it is added.
    fn description(&self) -> Description;

    /// Makes an executor for one claim of one task. `host` takes its reports, and belongs to this claim alone: once the
    /// instance is stopped, or another attempt has taken over, it refuses everything.
    ///
    /// Called in the instance's own tokio task.
    fn executor(&self, host: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor>;
}

/// One instance of a native kind.
///
/// An instance is one tokio task, in which its calls take turns: `deliver` and `cancel` come while `start` is in an `await`,
/// and calls begin in their order. When the instance is stopped, its calls are dropped at the `await` where they are; code
/// that does not await is not stopped, and holds up a thread of the runtime. A panic ends the instance, and the attempt with
/// the error kind `panic`, which is tried again as the task allows. To wait, use tokio's time: `tokio::time::sleep`.
///
/// What came in before the instance was made is delivered before `start` or `reconcile` is called.
#[async_trait]
pub trait NativeExecutor: Send + Sync + 'static {
    /// Does the work. `task` holds the record and the newest checkpoint as they are now.
    ///
    /// # Errors
    /// How the attempt failed, and whether another may help. A [`Refusal`](crate::sandbox::Refusal) of the host becomes one
    /// with `?`.
    async fn start(&self, task: TaskContext) -> Result<Step, Failure>;

    /// Looks at the world again with a fresh instance after [`Step::Sleep`] and [`Step::Wait`], and says what is next.
    ///
    /// # Errors
    /// As `start`.
    async fn reconcile(&self, task: TaskContext) -> Result<Step, Failure> {
        match task.task.cancel {
            Some(_) => Ok(Step::Canceled { summary: None }),
            None => {
                Err(unsupported("this kind does not hibernate: one that returns `Sleep` or `Wait` has `reconcile`"))
            }
        }
    }

    /// Takes a message; an answer is one whose `in_reply_to` is the id that `request_input` returned.
    ///
    /// # Errors
    /// Why the message is not taken, which is noted in the task's output. The task goes on.
    async fn deliver(&self, task: TaskContext, message: Message) -> Result<(), Failure> {
        let _ = (task, message);
        Err(unsupported("this kind takes no messages"))
    }

    /// Hears that the session wants the task to end. `start` should then return soon; `host.cancel_requested()` says it
    /// too.
    ///
    /// # Errors
    /// As `deliver`.
    async fn cancel(&self, task: TaskContext) -> Result<(), Failure> {
        let _ = task;
        Ok(())
    }
}

fn unsupported(message: &str) -> Failure {
    Failure {
        error: TaskError { detail: None, kind: "unsupported".to_owned(), message: message.to_owned() },
        retry: Retry::Never,
    }
}
