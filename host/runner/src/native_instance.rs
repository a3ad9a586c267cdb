//! One instance of a native kind: its executor, and the tokio tasks that its calls run as.
//! Does not confine the code: a stop takes effect where it awaits.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use taskwright_registry::{Failure, Message, Usage};
use taskwright_sandbox::{AttemptError, AttemptHost, Step, StopReason, TaskContext};
use tokio::time::Instant;

use crate::instance::Instance;
use crate::native_host::NativeHost;
use crate::{NativeExecutor, NativeKind};

/// How long a stopped instance is waited for. Only code that blocks its thread takes longer, and that must not hold up
/// whoever has stopped it.
const BURIAL: Duration = Duration::from_secs(1);

type Executor = Result<Arc<dyn NativeExecutor>, AttemptError>;

/// An instance. Dropping it stops it.
pub(crate) struct NativeInstance {
    host: Arc<NativeHost>,
    /// How the instance ended, once it is gone or could not be made.
    executor: Mutex<Executor>,
    born: Instant,
}

impl NativeInstance {
    /// Makes an instance. A panic of the kind is kept for the first call.
    pub(crate) fn begin(kind: &dyn NativeKind, reports: Arc<dyn AttemptHost>) -> Self {
        let host = Arc::new(NativeHost::new(reports));
        let executor = match catch_unwind(AssertUnwindSafe(|| kind.executor(host.clone()))) {
            Ok(executor) => Ok(Arc::from(executor)),
            Err(panic) => Err(panicked(&*panic)),
        };
        Self { host, executor: Mutex::new(executor), born: Instant::now() }
    }

    /// Makes a call in a task of its own. It ends by itself, or at the `await` where it is when the instance is stopped.
    async fn call<T, W>(&self, call: impl FnOnce(Arc<dyn NativeExecutor>) -> W) -> Result<T, AttemptError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let executor = self.executor.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let (host, work) = (self.host.clone(), call(executor));
        let task = self.host.at_work.spawn(async move {
            tokio::select! {
                biased;
                why = host.stopped() => Err(AttemptError::Stopped(why)),
                returned = work => returned.map_err(AttemptError::guest),
            }
        });
        match task.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(returned) => returned,
            Err(Ok(panic)) => Err(panicked(&*panic)),
            Err(Err(_)) => Err(AttemptError::Internal("the host gave up the instance".to_owned())),
        }
    }
}

#[async_trait]
impl Instance for NativeInstance {
    async fn start(&self, task: TaskContext) -> Result<Step, AttemptError> {
        self.call(async move |executor| executor.start(task).await).await
    }

    async fn reconcile(&self, task: TaskContext) -> Result<Step, AttemptError> {
        self.call(async move |executor| executor.reconcile(task).await).await
    }

    async fn deliver(&self, task: TaskContext, message: Message) -> Result<(), AttemptError> {
        self.call(async move |executor| executor.deliver(task, message).await).await
    }

    async fn cancel(&self, task: TaskContext) -> Result<(), AttemptError> {
        self.call(async move |executor| executor.cancel(task).await).await
    }

    fn stop(&self, why: StopReason) {
        self.host.stop(why);
    }

    /// What it reported, and for how long it was there. Nobody measures its CPU time and its memory: they are the
    /// process's.
    fn usage(&self) -> Usage {
        let wall_ms = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        Usage { wall_ms, ..self.host.usage() }
    }

    async fn stopped(&self) {
        let why = self.host.stopped().await;
        tokio::select! {
            biased;
            () = self.host.at_work.wait() => {}
            () = tokio::time::sleep(BURIAL) => {}
        }
        let gone = Err(AttemptError::Stopped(why));
        let executor = std::mem::replace(&mut *self.executor.lock().unwrap_or_else(PoisonError::into_inner), gone);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(executor))) {
            tracing::warn!(error = %panicked(&*panic), "an executor could not be dropped");
        }
    }
}

impl Drop for NativeInstance {
    fn drop(&mut self) {
        self.host.stop(StopReason::Dropped);
    }
}

fn panicked(panic: &(dyn Any + Send)) -> AttemptError {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    AttemptError::Panic { message: format!("the kind panicked: {}", text.unwrap_or("without a text")) }
}
