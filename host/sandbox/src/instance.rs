//! A handle of one instance of a kind.
//! Does not hold the instance itself: that lives in a task or a thread of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use taskwright_registry::{Message, Usage};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::file_thread::live_on_a_thread;
use crate::life::{Call, Plan, Reply, Request, Shared, live};
use crate::{AttemptError, Step, StopReason, TaskContext};

/// How long a caller waits for a stopped instance to be gone. Only one that is stuck in a blocking read of the operating
/// system takes longer, and that must not hold up whoever has stopped it.
const BURIAL: Duration = Duration::from_secs(1);

/// A handle of an instance. When the last one is dropped, so is the instance.
#[derive(Clone)]
pub struct Instance {
    handle: Arc<InstanceHandle>,
}

struct InstanceHandle {
    shared: Arc<Shared>,
    calls: mpsc::UnboundedSender<Call>,
}

impl Drop for InstanceHandle {
    fn drop(&mut self) {
        self.shared.stop(StopReason::Dropped);
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("usage", &self.usage()).finish_non_exhaustive()
    }
}

impl Instance {
    /// Lets an instance begin: as a task of the runtime, or, if it may read files, on a thread of its own.
    ///
    /// WASI's file calls block. On a thread of the runtime each would have to be sent to a thread for blocking work and
    /// back, and a thread that is blocked instead would hold up every neighbour. On a thread of its own an instance
    /// blocks nobody: 13 us for opening and reading a small file instead of 88 us through the runtime's blocking threads
    /// (2,000 files of 2 KB, read five times, warm; 2 cores, November 2026). It costs one thread for each instance with a
    /// folder, for as long as it is resident, of which a session has its share. The future still belongs to the runtime: its timers, and what the
    /// host's side spawns, run there.
    pub(crate) fn begin(plan: Plan, shared: Arc<Shared>) -> Self {
        let (calls, receiver) = mpsc::unbounded_channel();
        let runtime = Handle::current();
        if plan.has_files() {
            runtime.spawn(live_on_a_thread(plan, receiver, shared.clone()));
        } else {
            runtime.spawn(live(plan, receiver, shared.clone()));
        }
        Self { handle: Arc::new(InstanceHandle { shared, calls }) }
    }

    async fn call(&self, request: Request) -> Reply {
        let (reply, answer) = oneshot::channel();
        let shared = &self.handle.shared;
        if self.handle.calls.send(Call { request: Box::new(request), reply }).is_err() {
            return Err(shared.ended().await);
        }
        // Whoever ends the instance drops the other side.
        let answered = tokio::select! {
            biased;
            answered = answer => answered,
            why = stuck(shared) => return Err(AttemptError::Stopped(why)),
        };
        match answered {
            Ok(reply) => reply,
            Err(_) => Err(shared.ended().await),
        }
    }

    async fn step(&self, request: Request) -> Result<Step, AttemptError> {
        let step = self.call(request).await?;
        step.ok_or_else(|| AttemptError::Internal("a call returned no step".to_owned()))
    }

    /// Calls `start`.
    ///
    /// # Errors
    /// The guest's own failure, or how the instance ended.
    pub async fn start(&self, task: TaskContext) -> Result<Step, AttemptError> {
        self.step(Request::Start(task)).await
    }

    /// Calls `reconcile`.
    ///
    /// # Errors
    /// As `start`.
    pub async fn reconcile(&self, task: TaskContext) -> Result<Step, AttemptError> {
        self.step(Request::Reconcile(task)).await
    }

    /// Calls `deliver`, also while `start` or `reconcile` is suspended.
    ///
    /// # Errors
    /// As `start`.
    pub async fn deliver(&self, task: TaskContext, message: Message) -> Result<(), AttemptError> {
        self.call(Request::Deliver(task, message)).await.map(|_| ())
    }

    /// Calls `cancel`, also while `start` or `reconcile` is suspended.
    ///
    /// # Errors
    /// As `start`.
    pub async fn cancel(&self, task: TaskContext) -> Result<(), AttemptError> {
        self.call(Request::Cancel(task)).await.map(|_| ())
    }

    /// Ends the instance, whatever it does. Calls that are pending return `Stopped`. The first reason stands.
    pub fn stop(&self, why: StopReason) {
        self.handle.shared.stop(why);
    }

    /// What the instance has used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.handle.shared.meter.usage()
    }

    /// Returns when the instance is gone, with all its memory; or a second after it was stopped, if the operating system
    /// holds it in a read that does not return, of a named pipe in a granted folder say. Its thread ends with the read.
    pub async fn stopped(&self) {
        let shared = &self.handle.shared;
        tokio::select! {
            biased;
            _ = shared.ended() => {}
            _ = stuck(shared) => {}
        }
    }
}

/// Ends when an instance was stopped and is still there after a while.
async fn stuck(shared: &Shared) -> StopReason {
    let why = shared.wait_for_stop().await;
    tokio::time::sleep(BURIAL).await;
    why
}
