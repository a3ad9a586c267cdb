//! One instance of one claimed task, from claim to settlement: calls its kind, passes messages and cancels on, enforces
//! grace and deadline.
//! Does not choose tasks (the dispatcher does) and does not judge what came out (`settlement` does).

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use taskwright_registry::{Budget, InputRequestId, Message, MessageId, Phase, Recovery, State, Task, TaskUpdate};
use taskwright_sandbox::{AttemptError, Step, StopReason, TaskContext};
use taskwright_store::{Claimed, StoreError};
use tokio::time::Instant;

use crate::admission::{Resident, Slot};
use crate::consumption;
use crate::instance::Instance;
use crate::metric;
use crate::outcome::write_down;
use crate::reporter::Reporter;
use crate::runner::Inner;
use crate::settlement::{End, settle};
use crate::signal::Listener;

/// How long calls beside the main one may still take when that has returned and the task lies down. Messages that nobody
/// has dealt with by then are given to the next instance.
const LAST_CALLS: Duration = Duration::from_millis(250);
/// How long a host without room keeps a task back before it gives it away again.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(250);
/// How long it is waited for the news that the work has taken a message, when it ends right after it has.
const LAST_NOTES: Duration = Duration::from_millis(50);
/// How long to wait after the store could not be read.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
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
    task: Task,
    reporter: Arc<Reporter>,
    instance: Arc<dyn Instance>,
    changes: Listener<()>,
    sides: FuturesUnordered<Call<Side>>,
    /// Messages that this instance has been given.
    given: HashSet<MessageId>,
    in_flight: usize,
    /// Messages that it was offered before it began and has not dealt with.
    offered: HashSet<MessageId>,
    /// Whether `cancel` has been called on this instance or an earlier one of the attempt.
    cancel_told: bool,
    /// Whether the task was hibernating, so that `reconcile` is due and not `start`.
    resumed: bool,
    claimed_at: Instant,
    /// When the record is to be read again, after that did not work.
    look_again: Option<Instant>,
    /// Until when the instance may go on, once the host is going down.
    drain_ends: Option<Instant>,
    /// What the attempt is allowed, where it is limited.
    allowed: Option<Budget>,
}

/// Runs a claimed task until its instance is gone and its end written down.
pub(crate) async fn execute(inner: Arc<Inner>, claimed: Claimed, slot: Slot, resident: Resident) {
    let claimed_at = Instant::now();
    let Claimed { task, resumed, checkpoint, unread } = claimed;
    let kind = match inner.catalog.of_task(&task) {
        Ok(kind) => kind,
        Err(error) => {
            // The kind was taken away between the claim and now: whoever has it takes the task up as it is.
            tracing::warn!(task = %task.id, %error, "giving a task back");
            let update = settle(&task, End::NotBegun { resumed }, Default::default(), inner.store.now(), 0.0);
            if let Some(update) = update {
                write_down(&inner, &task, update).await;
            }
            return;
        }
    };
    let changes = inner.hub.task(&task.id);
    // A claim names its host.
    let Some(host) = task.dispatch.host.clone() else { return };
    let reporter = Reporter::new(&inner, Some(&kind), host.clone(), &task, checkpoint, slot);
    let allowed = kind.allowed(&task);
    let bounds = inner.catalog.bounds(&task);
    let instance = kind.instantiate(reporter.clone(), &task, bounds, inner.store.now());
    let cancel_told = task.dispatch.cancel_delivered;
    let mut execution = Execution {
        inner,
        task,
        reporter,
        instance,
        changes,
        sides: FuturesUnordered::new(),
        given: HashSet::new(),
        in_flight: 0,
        offered: HashSet::new(),
        cancel_told,
        resumed,
        claimed_at,
        look_again: None,
        drain_ends: None,
        allowed,
    };
    let (lease, instance) = (execution.inner.lease.clone(), execution.instance.clone());
    let end = tokio::select! {
        biased;
        // Whatever the execution waits for: a store that does not reply must not keep an instance alive whose lease is lost.
        () = lease.lost(&host) => {
            instance.stop(StopReason::LeaseLost);
            if execution.inner.drain.look(|drain| *drain) {
                execution.inner.unwritten.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            End::Superseded
        }
        end = execution.run(unread) => end,
    };
    drop(instance);
    execution.finish(end, resident).await;
}

impl Execution {
    async fn run(&mut self, unread: Vec<Message>) -> End {
        // Where there is nothing left to run, the instance ends before it is called.
        if let Some(end) = self.time_is_up() {
            return end;
        }
        if self.inner.drain.look(|drain| *drain) {
            // Nothing has run: whoever comes next takes it up as it is.
            return End::NotBegun { resumed: self.resumed };
        }
        let mut main: Option<Call<Result<Step, AttemptError>>> = None;
        self.deliver_all(unread);
        self.offered.clone_from(&self.given);
        self.tell_cancel();
        let inner = self.inner.clone();
        let lost = self.reporter.writer.lost();
        let checkpoint = self.reporter.checkpoint_signal();
        let mut checkpoints = checkpoint.listen();
        let (mut look, mut all_known) = (true, false);
        loop {
            if std::mem::take(&mut look) {
                match self.look().await {
                    Ok(known) => all_known = known,
                    Err(end) => return end,
                }
                if self.drain_ends.is_some() && self.may_be_given_back() && self.rests() {
                    return self.give_back();
                }
            }
            if main.is_none() && all_known {
                // A fresh instance hears what has come in before it begins: an answer that came while no instance was
                // there must not be asked for again, so nothing begins before the record and its messages could be
                // read. The calls are made first, in order; they return when somebody has dealt with what they bring,
                // which may be the work that begins now.
                while let Poll::Ready(Some(side)) = futures::poll!(self.sides.next()) {
                    if let Some(end) = self.side_done(side).await {
                        return end;
                    }
                }
                metric::started(&self.task, self.claimed_at.elapsed());
                main = Some(self.begin());
            }
            let timer = self.next_timer();
            tokio::select! {
                biased;
                () = lost.raised() => {
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
                () = self.changes.changed() => look = true,
                () = tokio::time::sleep_until(timer.unwrap_or_else(far_away)), if timer.is_some() => {
                    if let Some(end) = self.time_is_up() {
                        return end;
                    }
                    look = self.look_again.take_if(|at| *at <= Instant::now()).is_some();
                }
                () = inner.aborts.wait_for(|ids| ids.contains(&self.task.id).then_some(())) => {
                    self.instance.stop(StopReason::Canceled);
                    return End::CancelForced;
                }
                () = inner.drain.raised(), if self.drain_ends.is_none() => {
                    if main.is_none() {
                        return End::NotBegun { resumed: self.resumed };
                    }
                    let ends = Instant::now().checked_add(self.inner.config.drain_grace);
                    self.drain_ends = Some(ends.unwrap_or_else(far_away));
                    checkpoints.catch_up();
                    look = true;
                }
                () = checkpoints.changed(), if self.drain_ends.is_some() && self.may_be_given_back() => {
                    // What is done since then would be done again.
                    return self.give_back();
                }
            }
        }
    }

    fn next_timer(&self) -> Option<Instant> {
        let times = [self.task.cancel_forced_at(), self.task.deadline, self.task.attempt_ends_at()];
        let at = times.into_iter().flatten().min().map(|at| {
            let wait = (at - self.inner.store.now()).to_std().unwrap_or(Duration::ZERO);
            Instant::now() + wait
        });
        [at, self.look_again, self.drain_ends].into_iter().flatten().min()
    }

    fn time_is_up(&self) -> Option<End> {
        let now = self.inner.store.now();
        if self.task.cancel_forced_at().is_some_and(|ends| ends <= now) {
            self.instance.stop(StopReason::Canceled);
            return Some(End::CancelForced);
        }
        if self.task.deadline.is_some_and(|deadline| deadline <= now) {
            self.instance.stop(StopReason::Deadline);
            return Some(End::DeadlineReached);
        }
        if self.task.attempt_ends_at().is_some_and(|ends| ends <= now) {
            self.instance.stop(StopReason::Deadline);
            return Some(End::AttemptTimedOut);
        }
        if self.drain_ends.is_some_and(|ends| ends <= Instant::now()) {
            return Some(if self.may_be_given_back() {
                self.give_back()
            } else {
                self.instance.stop(StopReason::Drain);
                End::Interrupted
            });
        }
        None
    }

    /// Whether another host may start the task again within the same attempt.
    fn may_be_given_back(&self) -> bool {
        self.task.recovery == Recovery::Reattach
    }

    /// Whether the instance does nothing but wait for the session.
    fn rests(&self) -> bool {
        self.task.state == State::AwaitingInput
    }

    fn give_back(&self) -> End {
        self.instance.stop(StopReason::Drain);
        End::Drained
    }

    fn context(&self) -> TaskContext {
        TaskContext { task: self.task.clone(), checkpoint: self.reporter.checkpoint() }
    }

    fn begin(&self) -> Call<Result<Step, AttemptError>> {
        let (instance, context, resumed) = (self.instance.clone(), self.context(), self.resumed);
        Box::pin(async move { if resumed { instance.reconcile(context).await } else { instance.start(context).await } })
    }

    /// Reads the record again and acts on what has come in. Says whether all of it could be read.
    async fn look(&mut self) -> Result<bool, End> {
        let found = match self.reporter.writer.record().await {
            Ok(found) => found,
            Err(StoreError::NotFound { .. }) => {
                self.instance.stop(StopReason::Superseded);
                return Err(End::Superseded);
            }
            Err(error) => {
                tracing::warn!(task = %self.task.id, %error, "a task cannot be read now");
                self.look_again = Some(Instant::now() + LOOK_AGAIN);
                return Ok(false);
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
        let unread = self.task.dispatch.unread as usize;
        if unread > self.in_flight {
            match self.inner.store.unread(&self.task.session_id, &self.task.id, unread).await {
                Ok(unread) => self.deliver_all(unread.items),
                Err(error) => {
                    tracing::warn!(task = %self.task.id, %error, "messages cannot be read now");
                    self.look_again = Some(Instant::now() + LOOK_AGAIN);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Begins to hand messages over, in order. A delivery may take its time (it may ask the session something itself, or
    /// wait until the work takes the message), so the next one does not wait for it to return. Answers are never held back:
    /// the work may be waiting for one while nobody deals with the messages before it.
    fn deliver_all(&mut self, messages: Vec<Message>) {
        // What waits for the session computes nothing, and takes no place among the tasks that do.
        let works = self.task.state != State::AwaitingInput;
        for message in messages {
            let answers = message.in_reply_to.as_ref().is_some_and(|id| id.parse::<InputRequestId>().is_ok());
            if self.given.contains(&message.id) || (self.in_flight >= DELIVERIES && !answers) {
                continue;
            }
            self.given.insert(message.id.clone());
            self.in_flight += 1;
            let (instance, context, reporter) = (self.instance.clone(), self.context(), self.reporter.clone());
            self.sides.push(Box::pin(async move {
                if works {
                    reporter.slot.acquire().await;
                }
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
            Side::Delivered(_, Err(AttemptError::Returned)) | Side::CancelTold(Err(AttemptError::Returned)) => {
                // The next instance hears of it.
                return None;
            }
            Side::Delivered(message, result) => {
                self.in_flight -= 1;
                if !matches!(result, Ok(()) | Err(AttemptError::Guest(_))) {
                    // The instance is gone; whoever comes next gets the message again.
                    return result.err().map(|error| self.error(error));
                }
                let marked = self.reporter.writer.delivered(&message).await;
                if let Err(error) = marked {
                    tracing::warn!(task = %self.task.id, %message, %error, "a delivery was not noted; it may be repeated");
                    if !matches!(error, StoreError::Rejected(_)) {
                        self.given.remove(&message);
                    }
                }
                self.offered.remove(&message);
                if self.task.state == State::AwaitingInput {
                    self.reporter.slot.release();
                }
                (format!("message {message}"), result)
            }
            Side::CancelTold(result) => {
                if !matches!(result, Ok(()) | Err(AttemptError::Guest(_))) {
                    return result.err().map(|error| self.error(error));
                }
                let update = TaskUpdate { cancel_delivered: true, ..self.reporter.writer.blank() };
                if let Err(error) = self.reporter.writer.update("cancel", update, |_| false).await {
                    tracing::warn!(task = %self.task.id, %error, "that the kind was told of the cancel was not noted");
                }
                ("the cancel".to_owned(), result)
            }
        };
        if let Err(AttemptError::Guest(failure)) = result {
            self.reporter
                .remark(&format!("{what} was answered: {}: {}", failure.error.kind, failure.error.message))
                .await;
        }
        None
    }

    /// Tells a host that is full from a guest that failed.
    fn error(&self, error: AttemptError) -> End {
        match error {
            AttemptError::NoRoom { .. }
            | AttemptError::NoFilePlace { .. }
            | AttemptError::NoPlaces { .. }
            | AttemptError::PoolUsedUp { begun: false, .. }
            | AttemptError::NoMemory { begun: false, .. } => End::NoRoom { resumed: self.resumed },
            // It goes on from its checkpoint when there is memory again, here or elsewhere.
            AttemptError::NoMemory { begun: true, .. } | AttemptError::PoolUsedUp { begun: true, .. }
                if self.may_be_given_back() =>
            {
                End::NoRoom { resumed: false }
            }
            error => End::Error(error),
        }
    }

    /// The main call is over. Calls beside it get a moment to end, a longer one if the task lies down.
    async fn returned(&mut self, result: Result<Step, AttemptError>) -> End {
        if let Ok(step) = &result {
            let lies_down = matches!(step, Step::Sleep(_) | Step::Wait);
            let until = Instant::now() + if lies_down { LAST_CALLS } else { LAST_NOTES };
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
            Ok(step) => End::Step { step, ignored: u32::try_from(self.offered.len()).unwrap_or(u32::MAX) },
            Err(error) => self.error(error),
        }
    }

    async fn finish(self, end: End, resident: Resident) {
        let Self { inner, task, reporter, instance, sides, changes, allowed, .. } = self;
        drop((sides, changes));
        inner.aborts.change(|ids| ids.remove(&task.id));
        let mut usage = instance.usage();
        usage.instances = 1;
        // What the guest wrote last is on its way to the sink until its store is gone.
        instance.stop(StopReason::Done);
        instance.stopped().await;
        drop((instance, resident));
        reporter.discard_drafts().await;
        // Whoever sees the end looks at the output once more, and not again.
        reporter.flush_output().await;
        if matches!(end, End::NoRoom { .. }) {
            // Whoever has room takes it; without a pause this host would claim it again at once.
            tokio::time::sleep(NO_ROOM_PAUSE).await;
        }
        consumption::tell(&task.kind, &usage, &end);
        let jitter = inner.chance.share();
        let after = match settle(&task, end, usage, inner.store.now(), jitter) {
            Some(mut update) => {
                update.progress = reporter.take_progress().await;
                update.allowed = allowed;
                write_down(&inner, &task, update).await
            }
            None => None,
        };
        reporter.remove_unrecorded().await;
        // The copy below may take its time, and code that outlives its instance may keep the reporter: neither is work.
        reporter.slot.release();
        let Some(after) = after else { return };
        metric::instance_ended(&task, &after);
        if after.state == State::Succeeded
            && let Some(path) = &after.result_path
        {
            inner.project_result(&after, path).await;
        }
    }
}

fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(86_400)
}
