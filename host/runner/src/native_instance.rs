//! One instance of a native kind: a tokio task that makes its executor and runs its calls.
//! Does not confine the code: a stop takes effect where it awaits.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use taskwright_registry::{Failure, Message, Usage};
use taskwright_sandbox::{AttemptError, AttemptHost, Step, StopReason, TaskContext};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::Instrument;

use crate::instance::Instance;
use crate::native_host::NativeHost;
use crate::{NativeExecutor, NativeKind};

/// How long a stopped instance is waited for. Only code that blocks its thread takes longer, and that must not hold up
/// whoever has stopped it.
const BURIAL: Duration = Duration::from_secs(1);

/// A call that is to be made; it sends its answer itself.
type Call = Box<dyn FnOnce(Arc<dyn NativeExecutor>) -> BoxFuture<'static, ()> + Send>;

/// An instance. Dropping it stops it.
pub(crate) struct NativeInstance {
    host: Arc<NativeHost>,
    calls: mpsc::UnboundedSender<Call>,
    /// How the instance ended, once it is gone.
    end: watch::Receiver<Option<AttemptError>>,
    /// Whether `start` or `reconcile` has returned.
    returned: Arc<AtomicBool>,
    born: Instant,
}

impl NativeInstance {
    /// Lets an instance begin. Whether its executor could be made, the first call says.
    pub(crate) fn begin(kind: Arc<dyn NativeKind>, reports: Arc<dyn AttemptHost>) -> Self {
        let host = Arc::new(NativeHost::new(reports));
        let (calls, receiver) = mpsc::unbounded_channel();
        let (ended, end) = watch::channel(None);
        let life = AssertUnwindSafe(live(kind, host.clone(), receiver)).catch_unwind();
        // What it logs belongs to its attempt.
        let life = async move {
            let error = match life.await {
                Ok(why) => AttemptError::Stopped(why),
                Err(panic) => panicked(&*panic),
            };
            ended.send_replace(Some(error));
        };
        tokio::spawn(life.in_current_span());
        Self { host, calls, end, returned: Arc::default(), born: Instant::now() }
    }

    async fn call<T, W>(
        &self,
        main: bool,
        call: impl FnOnce(Arc<dyn NativeExecutor>) -> W + Send + 'static,
    ) -> Result<T, AttemptError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let returned = self.returned.clone();
        let call: Call = Box::new(move |executor| {
            Box::pin(async move {
                if !main && returned.load(Ordering::Relaxed) {
                    return drop(reply.send(Err(AttemptError::Returned)));
                }
                let answer = call(executor).await.map_err(AttemptError::guest);
                if main {
                    returned.store(true, Ordering::Relaxed);
                }
                drop(reply.send(answer));
            })
        });
        // Whoever ends the instance drops what has not been answered.
        if self.calls.send(call).is_err() {
            return Err(self.ended().await);
        }
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(self.ended().await),
        }
    }

    /// Waits until the instance is gone and says why.
    async fn ended(&self) -> AttemptError {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await.map(|end| end.clone());
        ended.ok().flatten().unwrap_or_else(|| AttemptError::Internal("the host gave up the instance".to_owned()))
    }
}

/// Runs an instance from its making to its end. All of its calls are in this one task, so they begin in the order in which
/// they were made, as those of a component do.
async fn live(
    kind: Arc<dyn NativeKind>,
    host: Arc<NativeHost>,
    mut calls: mpsc::UnboundedReceiver<Call>,
) -> StopReason {
    let executor: Arc<dyn NativeExecutor> = Arc::from(kind.executor(host.clone()));
    let mut running = FuturesUnordered::new();
    let mut stopped = pin!(host.stopped());
    loop {
        tokio::select! {
            biased;
            why = &mut stopped => return why,
            Some(()) = running.next(), if !running.is_empty() => {}
            call = calls.recv() => match call {
                Some(call) => running.push(call(executor.clone())),
                None => return StopReason::Dropped,
            },
        }
    }
}

#[async_trait]
impl Instance for NativeInstance {
    async fn start(&self, task: TaskContext) -> Result<Step, AttemptError> {
        self.call(true, async move |executor| executor.start(task).await).await
    }

    async fn reconcile(&self, task: TaskContext) -> Result<Step, AttemptError> {
        self.call(true, async move |executor| executor.reconcile(task).await).await
    }

    async fn deliver(&self, task: TaskContext, message: Message) -> Result<(), AttemptError> {
        self.call(false, async move |executor| executor.deliver(task, message).await).await
    }

    async fn cancel(&self, task: TaskContext) -> Result<(), AttemptError> {
        self.call(false, async move |executor| executor.cancel(task).await).await
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
        self.host.stopped().await;
        let gone = async {
            self.ended().await;
            self.host.silent().await;
        };
        tokio::select! {
            biased;
            () = gone => {}
            () = tokio::time::sleep(BURIAL) => {}
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
