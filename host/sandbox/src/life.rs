//! The life of one instance: its store is made, calls come in, something ends it, its store is dropped.
//! Does not hand out anything: callers hold an `Instance`.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::ready;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use taskwright_registry::{Message, Task};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use wasmtime::component::Accessor;
use wasmtime::{Engine, Store};

use crate::attempt::{self, Attempt, Reach};
use crate::bindings::taskwright::task::types;
use crate::engine_places::{PlacesShare, TakenPlaces};
use crate::executor::{Executor, ExecutorPre};
use crate::file_thread::{FilePlaces, FileShare};
use crate::http::{Asker, Client, Gateway};
use crate::meter::Meter;
use crate::shared_pool::PoolShare;
use crate::stdio::Stdio;
use crate::work::Work;
use crate::{
    AttemptError, AttemptHost, LiveGrants, ProtectedPaths, RecordBytes, Step, StopReason, TaskContext, convert, trap,
};

/// How long what a guest printed last may take to be passed on, after the guest has ended by itself or was stopped.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LAST_WORDS_WHEN_STOPPED: Duration = Duration::from_millis(50);

/// What a caller wants of an instance.
pub(crate) enum Request {
    Start(TaskContext),
    Reconcile(TaskContext),
    Deliver(TaskContext, Message),
    Cancel(TaskContext),
}

impl Request {
    /// The task that the call is for.
    fn task(&self) -> &Task {
        match self {
            Self::Start(context) | Self::Reconcile(context) | Self::Deliver(context, _) | Self::Cancel(context) => {
                &context.task
            }
        }
    }
}

/// What comes back: a step from `start` and `reconcile`, nothing from the others.
pub(crate) type Reply = Result<Option<Step>, AttemptError>;

/// A request with the way back.
pub(crate) struct Call {
    /// Boxed, because a queue sets aside room for many calls.
    pub(crate) request: Box<Request>,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// What an instance and its handles share.
pub(crate) struct Shared {
    pub(crate) meter: Arc<Meter>,
    stop: watch::Sender<Option<StopReason>>,
    end: watch::Sender<Option<AttemptError>>,
}

impl Shared {
    pub(crate) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, stop: watch::Sender::new(None), end: watch::Sender::new(None) }
    }

    /// The first reason stands.
    pub(crate) fn stop(&self, why: StopReason) {
        self.stop.send_if_modified(|stop| {
            let first = stop.is_none();
            if first {
                *stop = Some(why);
            }
            first
        });
    }

    /// Waits until somebody wants the instance to end.
    pub(crate) async fn wait_for_stop(&self) -> StopReason {
        let mut stop = self.stop.subscribe();
        let why = stop.wait_for(Option::is_some).await.map(|why| *why);
        why.ok().flatten().unwrap_or(StopReason::Dropped)
    }

    /// Waits until the store is gone and says why.
    pub(crate) async fn ended(&self) -> AttemptError {
        let mut end = self.end.subscribe();
        let ended = end.wait_for(Option::is_some).await.map(|end| end.clone());
        ended.ok().flatten().unwrap_or_else(|| AttemptError::Internal("the instance is gone".to_owned()))
    }

    /// Says why the store is gone. Only the first call counts.
    pub(crate) fn bury(&self, error: AttemptError) {
        self.meter.end();
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(error);
            }
            first
        });
    }
}

/// Sees to it that callers hear of the end also when the host panics or its runtime shuts down.
pub(crate) struct Grave(pub(crate) Option<Arc<Shared>>);

impl Drop for Grave {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.bury(AttemptError::Internal("the host gave up the instance".to_owned()));
        }
    }
}

/// What an instance is made from.
pub(crate) struct Plan {
    pub(crate) engine: Engine,
    pub(crate) kind: ExecutorPre,
    pub(crate) host: Arc<dyn AttemptHost>,
    pub(crate) grants: LiveGrants,
    pub(crate) http: Arc<Client>,
    pub(crate) asker: Arc<Asker>,
    pub(crate) protected: ProtectedPaths,
    /// Whether the kind wants the folder of its task's own.
    pub(crate) wants_own_folder: bool,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) memory: PoolShare,
    pub(crate) places: PlacesShare,
    /// Whose instance it is: the session.
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) file_share: FileShare,
    /// What it has of that, if it has folders.
    pub(crate) file_places: Option<FilePlaces>,
    pub(crate) max_instances: u32,
}

impl Plan {
    /// Whether the instance will have files.
    pub(crate) fn has_files(&self) -> bool {
        self.has_own_folder() || !self.grants.current().folders.is_empty()
    }

    /// How many folders it will have open from its beginning on.
    pub(crate) fn folder_count(&self) -> u64 {
        self.grants.current().folders.len() as u64 + u64::from(self.has_own_folder())
    }

    fn has_own_folder(&self) -> bool {
        self.wants_own_folder && self.grants.current().task_folder
    }

    /// Where the task's own folder lies, if the instance gets it.
    fn own_folder(&self) -> Result<Option<PathBuf>, AttemptError> {
        if !self.has_own_folder() {
            return Ok(None);
        }
        let refused = |refusal| AttemptError::Internal(format!("the task gets no folder of its own: {refusal}"));
        self.host.task_folder().map(Some).map_err(refused)
    }
}

/// Runs an instance from its making to its end. The time for which this is polled is the guest's CPU time; everything
/// that limits the instance waits beside it, because nothing inside would get a turn while the guest computes.
pub(crate) async fn live(plan: Plan, mut calls: mpsc::UnboundedReceiver<Call>, shared: Arc<Shared>) {
    let grave = Grave(Some(shared.clone()));
    let own_folder = plan.own_folder();
    let Plan { engine, kind, host, grants, http, asker, protected, room, memory, places, .. } = plan;
    let Plan { owner, file_share, file_places, max_instances, .. } = plan;
    let Ok(room) = room.try_acquire_owned() else {
        return shared.bury(AttemptError::NoRoom { max_instances });
    };
    let meter = shared.meter.clone();
    let stdio = Stdio::new(meter.clone());
    host.count_records_by(RecordBytes::new(meter.clone()));
    let http = Gateway::new(http, grants.clone(), meter.clone(), asker, owner.as_deref());
    let made = own_folder.and_then(|own| {
        let (own_folder, protected) = (own.as_deref(), &protected);
        let reach = Reach { grants: &grants, http, own_folder, protected, memory, file_share };
        attempt::store(&engine, host.clone(), meter.clone(), &stdio, reach)
    });
    let mut store = match made {
        Ok(store) => store,
        Err(error) => return shared.bury(error),
    };
    let mut taken = None;
    let allowed_ms = meter.budget().wall_ms;
    let wall_left = meter.wall_left();
    let error = tokio::select! {
        biased;
        why = shared.wait_for_stop() => AttemptError::Stopped(why),
        error = clocked(&meter, serve(&mut store, &kind, &places, &mut taken, &mut calls, &stdio)) => error,
        () = tokio::time::sleep(wall_left) => AttemptError::WallTime { allowed_ms },
        () = stdio.pump(&*host) => unreachable!("it never ends"),
    };
    // Before anybody hears of the end: whoever does may want the place at once. What the store has was taken before it was made.
    drop((store, taken, room, file_places));
    let patience = match error {
        AttemptError::Stopped(_) => LAST_WORDS_WHEN_STOPPED,
        _ => LAST_WORDS,
    };
    tokio::select! {
        biased;
        () = stdio.flush() => {}
        () = stdio.pump(&*host) => {}
        () = tokio::time::sleep(patience) => {}
    }
    shared.bury(error);
    drop(grave);
}

/// Charges the time for which a future is polled as the guest's CPU time, and polls it when it is the guest's turn.
pub(crate) async fn clocked<R>(meter: &Meter, work: impl Future<Output = R>) -> R {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        ready!(meter.computing.poll_turn(context));
        meter.computing.beside(|| {
            meter.resume();
            let poll = work.as_mut().poll(context);
            meter.pause();
            poll
        })
    })
    .await
}

/// Answers calls until the guest traps or there is nobody left who could call.
async fn serve(
    store: &mut Store<Attempt>,
    kind: &ExecutorPre,
    places: &PlacesShare,
    taken: &mut Option<TakenPlaces>,
    calls: &mut mpsc::UnboundedReceiver<Call>,
    stdio: &Stdio,
) -> AttemptError {
    let meter = store.data().meter.clone();
    let served = async {
        *taken = Some(places.take().await.map_err(|error| meter.condemn(error))?);
        let kind = kind.instantiate(store).await?;
        meter.begin();
        let (kind, work) = (&kind, &Work::default());
        store
            .run_concurrent(async move |accessor| {
                let mut pending = FuturesUnordered::new();
                loop {
                    tokio::select! {
                        biased;
                        Some(answered) = pending.next(), if !pending.is_empty() => answered?,
                        call = calls.recv() => match call {
                            Some(call) => pending.push(answer(accessor, kind, call, work, stdio)),
                            None => return Ok(()),
                        },
                    }
                }
            })
            .await?
    };
    match served.await {
        Ok(()) => AttemptError::Stopped(StopReason::Dropped),
        Err(error) => trap::explain(&error, &meter, stdio),
    }
}

/// Makes one call. What a guest returns is an answer; what makes it trap is the end of the instance. What it begins after `start`
/// or `reconcile` has returned counts for nothing: nobody is there any more whom a call could tell anything.
async fn answer(
    accessor: &Accessor<Attempt>,
    kind: &Executor,
    call: Call,
    work: &Work<types::Task>,
    stdio: &Stdio,
) -> wasmtime::Result<()> {
    let task = call.request.task();
    accessor.with(|mut access| {
        access.get().made_for.get_or_insert_with(|| (task.id.clone(), task.attempt));
    });
    let reply = match *call.request {
        Request::Start(task) => main(work, kind.start(accessor, convert::task(task))).await?,
        Request::Reconcile(task) => main(work, kind.reconcile(accessor, convert::task(task))).await?,
        Request::Deliver(task, message) => {
            let message = convert::message(message);
            beside(work, convert::task(task), |task| kind.deliver(accessor, task, message)).await?
        }
        Request::Cancel(task) => beside(work, convert::task(task), |task| kind.cancel(accessor, task)).await?,
    };
    // What was printed before an end belongs before the end.
    stdio.flush().await;
    let _ = call.reply.send(reply);
    Ok(())
}

/// Makes the call that is the work.
async fn main(
    work: &Work<types::Task>,
    call: impl Future<Output = wasmtime::Result<Result<types::Step, types::Failure>>>,
) -> wasmtime::Result<Reply> {
    work.begin();
    let returned = call.await?;
    work.has_returned();
    Ok(returned.map_err(failed).and_then(convert::step).map(Some))
}

/// Makes a call beside the work, unless that has returned. Nobody keeps the task but the call.
async fn beside<C: Future<Output = wasmtime::Result<Result<(), types::Failure>>>>(
    work: &Work<types::Task>,
    task: types::Task,
    call: impl FnOnce(Arc<types::Task>) -> C,
) -> wasmtime::Result<Reply> {
    let task = Arc::new(task);
    let Some(on_the_way) = work.beside(&task) else { return Ok(Err(AttemptError::Returned)) };
    let returned = call(task).await?;
    Ok(match on_the_way.was_late() {
        true => Err(AttemptError::Returned),
        false => returned.map_err(failed).map(|()| None),
    })
}

fn failed(failure: types::Failure) -> AttemptError {
    AttemptError::guest(convert::failure(failure))
}
