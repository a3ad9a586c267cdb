//! One instance of one claimed task, from claim to settlement: calls its kind, passes messages and cancels on, enforces
//! grace and deadline.
//! Does not choose tasks (the dispatcher does) and does not judge what came out (`settlement` does).

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use taskwright_registry::{CancelMode, Message, MessageId, Phase, State, Task, TaskId, TaskUpdate, Timestamp};
use taskwright_sandbox::{AttemptError, Instance, Step, StopReason, TaskContext};
use taskwright_store::{Claimed, StoreError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use crate::catalog::Entry;
use crate::output_log::OutputLog;
use crate::reporter::{Reporter, Slot};
use crate::runner::Inner;
use crate::settlement::{End, settle, write_down};

/// How long calls beside the main one may still take when that has returned and the task lies down.
const LAST_CALLS: Duration = Duration::from_secs(1);
/// How long a host without room keeps a task back before it gives it away again.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(250);
/// Messages handed to an instance at one time.
const DELIVERIES: usize = 16;

type Call<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call beside the main one.
enum Side {
    Delivered(MessageId, Result<(), AttemptError>),
    CancelTold(Result<(), AttemptError>),
}

struct Execution {
    inner: Arc<Inner>,
    entry: Entry,
    task: Task,
    reporter: Arc<Reporter>,
    instance: Instance,
    changes: watch::Receiver<u64>,
    sides: FuturesUnordered<Call<Side>>,
    /// Messages that this instance has been given.
    given: HashSet<MessageId>,
    in_flight: usize,
    /// Whether `cancel` has been called on this instance or an earlier one of the attempt.
    cancel_told: bool,
    /// Whether the task was hibernating, so that `reconcile` is due and not `start`.
    resumed: bool,
}

/// Runs a claimed task until its instance is gone and its end written down.
pub(crate) async fn execute(inner: Arc<Inner>, claimed: Claimed, permit: OwnedSemaphorePermit) {
    let Claimed { task, resumed, checkpoint, unread } = claimed;
    let entry = match inner.catalog.get(&task.kind) {
        Ok(entry) => entry,
        Err(error) => {
            // The kind was taken away between the claim and now: whoever has it may go on.
            tracing::warn!(task = %task.id, %error, "giving a task back");
            let update = settle(&task, End::Drained, Default::default(), inner.store.now(), 0.0);
            if let Some(update) = update {
                write_down(inner.store.as_ref(), &task, update).await;
            }
            return;
        }
    };
    let changes = inner.hub.task(&task.id);
    let slot = Slot::new(inner.slots.clone(), permit);
    let output = OutputLog::new(inner.files.output_log(&task.id), inner.config.output_log_bytes);
    let interval = inner.config.progress_interval;
    let (store, files) = (inner.store.clone(), inner.files.clone());
    let reporter = Reporter::new(store, files, &task, checkpoint, slot, output, interval);
    let budget = entry.settings.budget.unwrap_or_else(|| *entry.kind.default_budget());
    let instance = entry.kind.instantiate(reporter.clone(), budget, entry.settings.grants.clone());
    let cancel_told = task.dispatch.cancel_delivered;
    let mut execution = Execution {
        inner,
        entry,
        task,
        reporter,
        instance,
        changes,
        sides: FuturesUnordered::new(),
        given: HashSet::new(),
        in_flight: 0,
        cancel_told,
        resumed,
    };
    let end = execution.run(unread).await;
    execution.finish(end).await;
}

impl Execution {
    async fn run(&mut self, unread: Vec<Message>) -> End {
        if let Some(end) = self.over_before_it_began() {
            return end;
        }
        let mut main: Option<Call<Result<Step, AttemptError>>> = None;
        self.deliver_all(unread);
        self.tell_cancel();
        let mut lost = self.reporter.lost();
        let mut drain = self.inner.drain.subscribe();
        let mut abort = self.inner.aborts.subscribe();
        let mut look = true;
        loop {
            if std::mem::take(&mut look) {
                match self.look().await {
                    Ok(()) => {}
                    Err(end) => return end,
                }
            }
            // A fresh instance hears what has come in before it begins: an answer that came while no instance was there
            // must not be asked for again.
            if main.is_none() && self.sides.is_empty() {
                main = Some(self.begin());
            }
            let timer = self.next_timer();
            tokio::select! {
                biased;
                () = raised(&mut lost) => {
                    self.instance.stop(StopReason::Superseded);
                    return End::Superseded;
                }
                result = async { match main.as_mut() { Some(call) => call.await, None => std::future::pending().await } } => {
                    return self.returned(result).await;
                }
                Some(side) = self.sides.next(), if !self.sides.is_empty() => {
                    if let Some(end) = self.side_done(side).await {
                        return end;
                    }
                    look = true;
                }
                changed = self.changes.changed() => {
                    // The hub lives as long as the runner.
                    look = changed.is_ok();
                }
                () = tokio::time::sleep_until(timer.unwrap_or_else(far_away)), if timer.is_some() => {
                    if let Some(end) = self.time_is_up() {
                        return end;
                    }
                }
                () = listed(&mut abort, &self.task.id) => {
                    self.instance.stop(StopReason::Canceled);
                    return End::CancelForced;
                }
                () = raised(&mut drain) => return self.drained(&mut main).await,
            }
        }
    }

    /// Decides without an instance where there is nothing left to run.
    fn over_before_it_began(&self) -> Option<End> {
        let now = self.inner.store.now();
        if self.task.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(End::DeadlineReached);
        }
        self.grace_ends().filter(|ends| *ends <= now).map(|_| End::CancelForced)
    }

    /// When a cancel is forced.
    fn grace_ends(&self) -> Option<Timestamp> {
        let cancel = self.task.cancel.as_ref()?;
        let grace = match self.task.cancel_policy.mode {
            CancelMode::Abort => 0,
            CancelMode::Cooperative => i64::try_from(self.task.cancel_policy.grace_ms).ok()?,
            CancelMode::External => return None,
        };
        cancel.requested_at.checked_add_signed(chrono::TimeDelta::try_milliseconds(grace)?)
    }

    fn next_timer(&self) -> Option<Instant> {
        let at = [self.grace_ends(), self.task.deadline].into_iter().flatten().min()?;
        let wait = (at - self.inner.store.now()).to_std().unwrap_or(Duration::ZERO);
        Some(Instant::now() + wait)
    }

    fn time_is_up(&self) -> Option<End> {
        let now = self.inner.store.now();
        if self.grace_ends().is_some_and(|ends| ends <= now) {
            self.instance.stop(StopReason::Canceled);
            return Some(End::CancelForced);
        }
        if self.task.deadline.is_some_and(|deadline| deadline <= now) {
            self.instance.stop(StopReason::Deadline);
            return Some(End::DeadlineReached);
        }
        None
    }

    fn context(&self) -> TaskContext {
        TaskContext { task: self.task.clone(), checkpoint: self.reporter.checkpoint() }
    }

    fn begin(&self) -> Call<Result<Step, AttemptError>> {
        let (instance, context, resumed) = (self.instance.clone(), self.context(), self.resumed);
        Box::pin(async move { if resumed { instance.reconcile(context).await } else { instance.start(context).await } })
    }

    /// Reads the record again and acts on what has come in.
    async fn look(&mut self) -> Result<(), End> {
        let found = match self.inner.store.get(&self.task.session_id, &self.task.id).await {
            Ok(found) => found,
            Err(StoreError::NotFound { .. }) => {
                self.instance.stop(StopReason::Superseded);
                return Err(End::Superseded);
            }
            Err(error) => {
                // The next change or write brings us back here.
                tracing::warn!(task = %self.task.id, %error, "a task cannot be read now");
                return Ok(());
            }
        };
        if found.fence() != self.task.fence() || found.dispatch.phase != Phase::Resident {
            self.instance.stop(StopReason::Superseded);
            return Err(End::Superseded);
        }
        self.task = found;
        self.reporter.set_cancel(self.task.cancel.clone());
        self.tell_cancel();
        if let Some(end) = self.time_is_up() {
            return Err(end);
        }
        if self.task.dispatch.unread as usize > self.in_flight && self.in_flight < DELIVERIES {
            match self.inner.store.unread(&self.task.session_id, &self.task.id, DELIVERIES).await {
                Ok(unread) => self.deliver_all(unread),
                Err(error) => tracing::warn!(task = %self.task.id, %error, "messages cannot be read now"),
            }
        }
        Ok(())
    }

    /// Begins to hand messages over, in order. A delivery may take its time (it may ask the session something itself), so
    /// the next one does not wait for it to return.
    fn deliver_all(&mut self, messages: Vec<Message>) {
        for message in messages {
            if !self.given.insert(message.id.clone()) {
                continue;
            }
            self.in_flight += 1;
            let (instance, context, reporter) = (self.instance.clone(), self.context(), self.reporter.clone());
            self.sides.push(Box::pin(async move {
                reporter.slot.acquire().await;
                let id = message.id.clone();
                Side::Delivered(id, instance.deliver(context, message).await)
            }));
        }
    }

    fn tell_cancel(&mut self) {
        if self.cancel_told || self.task.cancel.is_none() {
            return;
        }
        self.cancel_told = true;
        let (instance, context) = (self.instance.clone(), self.context());
        self.sides.push(Box::pin(async move { Side::CancelTold(instance.cancel(context).await) }));
    }

    async fn side_done(&mut self, side: Side) -> Option<End> {
        let (what, result) = match side {
            Side::Delivered(message, result) => {
                self.in_flight -= 1;
                if !matches!(result, Ok(()) | Err(AttemptError::Guest(_))) {
                    // The instance is gone; whoever comes next gets the message again.
                    return result.err().map(|error| self.error(error));
                }
                let (session, id) = (&self.task.session_id, &self.task.id);
                let marked = self.inner.store.mark_delivered(session, id, self.task.fence(), &message).await;
                if let Err(error) = marked {
                    tracing::warn!(task = %self.task.id, %message, %error, "a delivery was not noted; it may be repeated");
                    if !matches!(error, StoreError::Rejected(_)) {
                        self.given.remove(&message);
                    }
                }
                if self.task.state == State::AwaitingInput && self.in_flight == 0 {
                    self.reporter.slot.release();
                }
                (format!("message {message}"), result)
            }
            Side::CancelTold(result) => {
                if !matches!(result, Ok(()) | Err(AttemptError::Guest(_))) {
                    return result.err().map(|error| self.error(error));
                }
                let update =
                    TaskUpdate { fence: Some(self.task.fence()), cancel_delivered: true, ..TaskUpdate::default() };
                if let Err(error) = self.inner.store.update(&self.task.session_id, &self.task.id, update).await {
                    tracing::warn!(task = %self.task.id, %error, "that the kind was told of the cancel was not noted");
                }
                ("the cancel".to_owned(), result)
            }
        };
        if let Err(AttemptError::Guest(failure)) = result {
            self.reporter.remark(&format!("{what} was answered: {}: {}", failure.error.kind, failure.error.message));
        }
        None
    }

    /// Tells a host that is full from a guest that failed.
    fn error(&self, error: AttemptError) -> End {
        if matches!(error, AttemptError::NoRoom { .. }) {
            End::NoRoom { resumed: self.resumed }
        } else {
            End::Error(error)
        }
    }

    /// The main call is over. If the task lies down, calls beside it get a moment to end.
    async fn returned(&mut self, result: Result<Step, AttemptError>) -> End {
        let lies_down = matches!(result, Ok(Step::Sleep(_) | Step::Wait));
        if lies_down {
            let until = Instant::now() + LAST_CALLS;
            while !self.sides.is_empty() {
                match tokio::time::timeout_at(until, self.sides.next()).await {
                    Ok(Some(side)) => {
                        if let Some(end) = self.side_done(side).await {
                            return end;
                        }
                    }
                    Ok(None) | Err(_) => break,
                }
            }
        }
        match result {
            Ok(step) => End::Step(step),
            Err(error) => self.error(error),
        }
    }

    /// The host is going down. A kind that can be taken up again is given back at once; another gets the grace to end.
    async fn drained(&mut self, main: &mut Option<Call<Result<Step, AttemptError>>>) -> End {
        if self.entry.kind.description().reattach.allows(&self.task.spec) {
            self.instance.stop(StopReason::Drain);
            return End::Drained;
        }
        let Some(call) = main.as_mut() else {
            self.instance.stop(StopReason::Drain);
            return End::Interrupted;
        };
        match tokio::time::timeout(self.inner.config.drain_grace, call).await {
            Ok(Ok(step)) => End::Step(step),
            Ok(Err(error)) => End::Error(error),
            Err(_) => {
                self.instance.stop(StopReason::Drain);
                End::Interrupted
            }
        }
    }

    async fn finish(self, end: End) {
        let Self { inner, task, reporter, instance, sides, changes, .. } = self;
        drop((sides, changes));
        inner.aborts.send_if_modified(|ids| ids.remove(&task.id));
        let mut usage = instance.usage();
        usage.instances = 1;
        // What the guest wrote last is on its way to the sink until its store is gone.
        instance.stop(StopReason::Done);
        instance.stopped().await;
        drop(instance);
        reporter.discard_drafts().await;
        if matches!(end, End::NoRoom { .. }) {
            // Whoever has room takes it; without a pause this host would claim it again at once.
            tokio::time::sleep(NO_ROOM_PAUSE).await;
        }
        let Some(mut update) = settle(&task, end, usage, inner.store.now(), rand::random()) else { return };
        update.progress = reporter.take_progress().await;
        let Some(after) = write_down(inner.store.as_ref(), &task, update).await else { return };
        if after.state == State::Succeeded
            && let Some(path) = &after.result_path
        {
            inner.project_result(&after, path).await;
        }
    }
}

/// Waits until a task stands in a list; for ever if it no longer can.
async fn listed(list: &mut watch::Receiver<HashSet<TaskId>>, id: &TaskId) {
    if list.wait_for(|ids| ids.contains(id)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Waits for a flag to be raised; for ever if it no longer can be.
async fn raised(flag: &mut watch::Receiver<bool>) {
    if flag.wait_for(|raised| *raised).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(86_400)
}
