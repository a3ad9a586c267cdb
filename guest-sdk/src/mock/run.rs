//! A task that runs against the mock host: what a test drives and looks at.
//! It does not retry by itself: a test that wants the next attempt says so.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::{Call, Stimulus};
use super::children::MockChild;
use super::job::Job;
use super::record::Record;
use super::status::Status;
use super::world::World;
use crate::child::ChildState;
use crate::clock::milliseconds;
use crate::dispatch::{self, RawTask};
use crate::failure::Failure;
use crate::instance::Instance;
use crate::kind::Kind;
use crate::message::{InputRequest, Message, Part};
use crate::step::Outcome;
use crate::task::TaskInfo;

/// How many turns a kind may take without waiting for anything before the test is told that it spins.
const MOST_TURNS: u64 = 50_000_000;

/// A call beside `start` or `reconcile`.
struct Beside {
    job: Job<Result<(), Failure>>,
    /// What it delivers.
    message: Option<Message>,
    /// Whether it was made before `start` or `reconcile`.
    early: bool,
}

/// A task that runs against the mock host.
pub struct Run<K: Kind> {
    world: Rc<World>,
    info: TaskInfo,
    spec: String,
    status: Status,
    /// The instance and the `start` or `reconcile` that runs in it. Gone while the task hibernates and when it is over.
    main: Option<(Rc<Instance>, Job<Outcome<String>>)>,
    /// Each `deliver` and `cancel` that is under way.
    beside: Vec<Beside>,
    /// Messages that the last instance has left alone: the next one gets them first.
    left: Vec<Message>,
    kind: PhantomData<K>,
}

impl<K: Kind> fmt::Debug for Run<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Run")
            .field("kind", &self.info.kind)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl<K: Kind> Run<K> {
    pub(super) fn start(world: Rc<World>, mut info: TaskInfo, spec: String) -> Self {
        info.attempt = world.attempt.get();
        let status = Status::Running;
        let mut run =
            Self { world, info, spec, status, main: None, beside: Vec::new(), left: Vec::new(), kind: PhantomData };
        run.begin_attempt();
        run
    }

    /// Where the task stands.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// What the kind has reported until now.
    pub fn record(&self) -> Record {
        self.world.record.borrow().clone()
    }

    /// How often the kind has called a function of the host.
    pub fn calls(&self, call: Call) -> u64 {
        self.world.calls(call)
    }

    /// The question that is pending.
    pub fn question(&self) -> Option<InputRequest> {
        self.world.pending.borrow().clone()
    }

    /// What the task resulted in.
    ///
    /// # Panics
    ///
    /// Unless it has succeeded with a result of this type.
    pub fn result<T: DeserializeOwned>(&self) -> T {
        let Status::Succeeded(completion) = &self.status else {
            panic!("the task has not succeeded: {:?}", self.status)
        };
        let result = completion.result.clone().expect("the kind gave a result");
        serde_json::from_value(result).expect("the result is of this type")
    }

    /// How the attempt failed.
    ///
    /// # Panics
    ///
    /// Unless it has failed.
    pub fn failure(&self) -> &Failure {
        match &self.status {
            Status::Failed(failure) => failure,
            other => panic!("the attempt has not failed: {other:?}"),
        }
    }

    /// Answers the pending question and runs the kind until it waits. The error is what the kind's `deliver` failed with.
    ///
    /// # Panics
    ///
    /// If no question is pending.
    pub fn answer(&mut self, part: impl Into<Part>) -> Result<(), Failure> {
        let question = self.world.pending.borrow_mut().take();
        let question = question.unwrap_or_else(|| panic!("no question is pending: {:?}", self.status));
        self.deliver(vec![part.into()], Some(question.id))
    }

    /// Sends a message and runs the kind until it waits. The error is what the kind's `deliver` failed with.
    pub fn send(&mut self, part: impl Into<Part>) -> Result<(), Failure> {
        self.deliver(vec![part.into()], None)
    }

    /// Cancels the task and runs the kind until it waits. The error is what the kind's `cancel` failed with.
    pub fn cancel(&mut self, reason: Option<&str>) -> Result<(), Failure> {
        self.world.request_cancel(reason.map(str::to_owned));
        self.call_cancel()
    }

    /// Lets the child that was begun under this call succeed, and runs the kind until it waits. A task that hibernates is
    /// woken.
    ///
    /// # Panics
    ///
    /// If no such child is live.
    pub fn child_succeeds(&mut self, call: &str, result: impl Serialize) {
        let result = serde_json::to_value(result).expect("a result is written as JSON");
        self.end_child(call, |child| {
            child.info.state = ChildState::Succeeded;
            child.result = Some(result);
        });
    }

    /// As `child_succeeds`, but the child fails.
    ///
    /// # Panics
    ///
    /// If no such child is live.
    pub fn child_fails(&mut self, call: &str, kind: &str, message: &str) {
        self.end_child(call, |child| {
            child.info.state = ChildState::Failed;
            child.info.error = Some((kind.to_owned(), message.to_owned()));
        });
    }

    fn end_child(&mut self, call: &str, end: impl FnOnce(&mut MockChild)) {
        let mut record = self.world.record.borrow_mut();
        let live = record.children.iter_mut().find(|child| child.new.call == call && !child.info.state.is_over());
        let child = live.unwrap_or_else(|| panic!("there is no live child of the call `{call}`"));
        end(child);
        child.info.finished_at = Some(self.world.now.get());
        drop(record);
        self.world.child_ended();
        self.settle();
        if matches!(self.status, Status::Hibernating { .. }) {
            self.wake_anew();
            self.settle();
        }
    }

    /// Moves the fake clock on, and runs the kind at each point at which it wants to.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.world.now.get().saturating_add(milliseconds(duration));
        loop {
            let wake = match &self.status {
                Status::Running => self.world.next_timer(),
                Status::Hibernating { until } => *until,
                Status::Succeeded(_) | Status::Canceled(_) | Status::Failed(_) => None,
            };
            let Some(wake) = wake.filter(|wake| *wake <= until) else { break };
            self.world.set_clock(wake.max(self.world.now.get()));
            if matches!(self.status, Status::Hibernating { .. }) {
                self.wake_anew();
            }
            self.settle();
        }
        self.world.set_clock(until);
    }

    /// Drops the instance, as if its host was lost or the attempt had failed, and starts the next attempt. Messages that
    /// the kind has not taken come again; a real host gives those again, too, that were taken after the newest checkpoint.
    pub fn reattach(&mut self) {
        self.main = None;
        self.left.extend(self.beside.drain(..).filter_map(|beside| beside.message));
        self.world.drop_attempt();
        self.info.attempt += 1;
        self.world.attempt.set(self.info.attempt);
        self.begin_attempt();
    }

    fn begin_attempt(&mut self) {
        let instance = Instance::new();
        self.redeliver(&instance);
        self.poll_beside();
        let future = dispatch::start::<K>(Rc::clone(&instance), self.raw());
        self.status = Status::Running;
        self.main = Some((instance, Job::new(future)));
        self.settle();
    }

    /// The task as the host would give it to a call now.
    fn raw(&self) -> RawTask {
        let info = TaskInfo {
            checkpoint: self.world.checkpoint.borrow().clone(),
            pending_input: self.world.pending.borrow().clone(),
            cancel: self.world.cancel.borrow().clone(),
            ..self.info.clone()
        };
        RawTask { info, spec: self.spec.clone() }
    }

    fn deliver(&mut self, parts: Vec<Part>, in_reply_to: Option<String>) -> Result<(), Failure> {
        let message = Message { id: self.world.new_id("tmsg_"), parts, in_reply_to, created_at: self.world.now.get() };
        let (raw, kept) = (self.raw(), message.clone());
        self.beside_main(Some(kept), |instance| Job::new(dispatch::deliver::<K>(instance, raw, message)))
    }

    fn call_cancel(&mut self) -> Result<(), Failure> {
        let raw = self.raw();
        self.beside_main(None, |instance| Job::new(dispatch::cancel::<K>(instance, raw)))
    }

    /// Makes a call beside `start` or `reconcile`, or on a fresh instance on which `reconcile` comes next.
    fn beside_main(
        &mut self,
        message: Option<Message>,
        job: impl FnOnce(Rc<Instance>) -> Job<Result<(), Failure>>,
    ) -> Result<(), Failure> {
        let hibernating = matches!(self.status, Status::Hibernating { .. });
        let instance = match &self.main {
            Some((instance, _)) => Rc::clone(instance),
            None if hibernating => Instance::new(),
            None => panic!("the task is over, so nothing reaches it: {:?}", self.status),
        };
        if hibernating {
            self.redeliver(&instance);
        }
        let nth = self.world.record.borrow().deliveries.len();
        self.beside.push(Beside { job: job(Rc::clone(&instance)), message, early: hibernating });
        self.settle();
        if hibernating {
            self.wake(instance);
            self.settle();
        }
        self.world.record.borrow().deliveries.get(nth).cloned().unwrap_or(Ok(()))
    }

    /// Ends the hibernation with a fresh instance, which hears first what the one before has left alone.
    fn wake_anew(&mut self) {
        let instance = Instance::new();
        self.redeliver(&instance);
        self.poll_beside();
        self.wake(instance);
    }

    fn wake(&mut self, instance: Rc<Instance>) {
        let future = dispatch::reconcile::<K>(Rc::clone(&instance), self.raw());
        self.status = Status::Running;
        self.main = Some((instance, Job::new(future)));
    }

    /// Runs everything until nothing wants to run.
    fn settle(&mut self) {
        for _ in 0..MOST_TURNS {
            let mut ran = self.main.as_ref().is_some_and(|(_, job)| job.is_woken());
            if ran {
                self.poll_main();
            }
            for stimulus in self.world.due.take() {
                self.happen(stimulus);
            }
            ran |= self.poll_beside();
            if !ran {
                return;
            }
        }
        panic!("the kind `{}` goes on calling the host and waits for nothing", self.info.kind);
    }

    fn poll_main(&mut self) {
        let Some((_, job)) = &mut self.main else { return };
        let entered = self.world.enter();
        let polled = job.poll();
        drop(entered);
        if let Poll::Ready(outcome) = polled {
            self.status = Status::after(outcome, self.world.now.get());
            self.main = None;
            // What came before the instance began and was left alone waits; what came later wakes the task at once.
            let late = self.beside.iter().any(|beside| beside.message.is_some() && !beside.early);
            self.left.extend(self.beside.drain(..).filter_map(|beside| beside.message));
            self.world.drop_attempt();
            if late && matches!(self.status, Status::Hibernating { .. }) {
                self.wake_anew();
            }
        }
    }

    /// Gives an instance that has not begun what the one before has left alone.
    fn redeliver(&mut self, instance: &Rc<Instance>) {
        for message in std::mem::take(&mut self.left) {
            let (raw, kept) = (self.raw(), message.clone());
            let job = Job::new(dispatch::deliver::<K>(Rc::clone(instance), raw, message));
            self.beside.push(Beside { job, message: Some(kept), early: true });
        }
    }

    /// Polls what is beside `start` and `reconcile`, and says whether there was anything to poll.
    fn poll_beside(&mut self) -> bool {
        let mut ran = false;
        let world = Rc::clone(&self.world);
        self.beside.retain_mut(|Beside { job, .. }| {
            if !job.is_woken() {
                return true;
            }
            ran = true;
            let entered = world.enter();
            let polled = job.poll();
            drop(entered);
            let Poll::Ready(outcome) = polled else { return true };
            world.record.borrow_mut().deliveries.push(outcome);
            false
        });
        ran
    }

    /// Lets the session do what the test has planned.
    fn happen(&mut self, stimulus: Stimulus) {
        let Some((instance, _)) = &self.main else { return };
        let (instance, raw) = (Rc::clone(instance), self.raw());
        let (job, message) = match stimulus {
            Stimulus::Cancel(_) => (Job::new(dispatch::cancel::<K>(instance, raw)), None),
            Stimulus::Message(part) => {
                let id = self.world.new_id("tmsg_");
                let message = Message { id, parts: vec![part], in_reply_to: None, created_at: self.world.now.get() };
                (Job::new(dispatch::deliver::<K>(instance, raw, message.clone())), Some(message))
            }
        };
        self.beside.push(Beside { job, message, early: false });
    }
}
