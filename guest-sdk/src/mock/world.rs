//! What lies around the instances of one task: the record, the clock, the plan of the test.
//! It does not run anything: `run` does, and makes a world the current one while it polls.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Waker;

use sha2::{Digest, Sha256};

use super::call::{Call, Stimulus};
use super::http::Replies;
use super::record::Record;
use crate::cancel::Cancel;
use crate::message::InputRequest;
use crate::refusal::Refusal;

/// When the fake clock begins: 2025-01-01T00:00:00Z.
pub(super) const BEGINNING: u64 = 1_735_689_600_000;

/// How long the name of a call may be for which a kind wants an idempotency key, as the contract has it.
const IDEMPOTENT_CALL_BYTES: usize = 256;

thread_local! {
    static CURRENT: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// What a test said beforehand.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) attempt: u32,
    pub(super) checkpoint: Option<Vec<u8>>,
    pub(super) pending: Option<InputRequest>,
    pub(super) folders: HashMap<String, PathBuf>,
    pub(super) replies: Replies,
    pub(super) refusals: Vec<(Call, u64, Refusal)>,
    pub(super) stimuli: Vec<(Call, u64, Stimulus)>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            attempt: 1,
            checkpoint: None,
            pending: None,
            folders: HashMap::new(),
            replies: Replies::default(),
            refusals: Vec::new(),
            stimuli: Vec::new(),
        }
    }
}

/// A sleep of the kind.
#[derive(Debug)]
struct Timer {
    at: u64,
    waker: Waker,
}

/// What lies around the instances of one task.
#[derive(Debug)]
pub(super) struct World {
    pub(super) record: RefCell<Record>,
    pub(super) checkpoint: RefCell<Option<Vec<u8>>>,
    pub(super) pending: RefCell<Option<InputRequest>>,
    pub(super) cancel: RefCell<Option<Cancel>>,
    pub(super) now: Cell<u64>,
    /// What the session does next, because a call was reached.
    pub(super) due: RefCell<Vec<Stimulus>>,
    pub(super) attempt: Cell<u32>,
    folders: HashMap<String, PathBuf>,
    pub(super) replies: RefCell<Replies>,
    refusals: Vec<(Call, u64, Refusal)>,
    stimuli: Vec<(Call, u64, Stimulus)>,
    calls: RefCell<HashMap<Call, u64>>,
    ids: Cell<u64>,
    timers: RefCell<Vec<Timer>>,
    /// Who waits for the end of a child.
    waiting: RefCell<Vec<Waker>>,
}

/// Makes what was current before current again.
pub(super) struct Entered(Option<Rc<World>>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let Plan { attempt, checkpoint, pending, folders, replies, refusals, stimuli } = plan;
        Self {
            record: RefCell::default(),
            checkpoint: RefCell::new(checkpoint),
            pending: RefCell::new(pending),
            cancel: RefCell::default(),
            now: Cell::new(BEGINNING),
            due: RefCell::default(),
            attempt: Cell::new(attempt),
            folders,
            replies: RefCell::new(replies),
            refusals,
            stimuli,
            calls: RefCell::default(),
            ids: Cell::new(0),
            timers: RefCell::default(),
            waiting: RefCell::default(),
        }
    }

    /// The world of the kind that is being polled.
    pub(super) fn current() -> Rc<Self> {
        CURRENT.with_borrow(Clone::clone).expect(
            "a host function was called outside of a kind that runs: natively there is only the mock host, so start \
             the kind with `MockHost::start`, and call the host from the thread that it runs on",
        )
    }

    /// Makes this world the current one for as long as the guard lives.
    pub(super) fn enter(self: &Rc<Self>) -> Entered {
        Entered(CURRENT.replace(Some(Rc::clone(self))))
    }

    /// Counts a call, lets happen what the test has planned for it, and says whether it is refused.
    pub(super) fn called(&self, call: Call) -> Result<(), Refusal> {
        let mut calls = self.calls.borrow_mut();
        let nth = calls.entry(call).or_insert(0);
        *nth += 1;
        let due = self.stimuli.iter().filter(|planned| planned.0 == call && planned.1 == *nth);
        for (_, _, stimulus) in due {
            if let Stimulus::Cancel(reason) = stimulus {
                // It can be read at once; `cancel` is called when the kind has yielded.
                self.request_cancel(reason.clone());
            }
            self.due.borrow_mut().push(stimulus.clone());
        }
        let refusal = self.refusals.iter().rfind(|planned| planned.0 == call && planned.1 <= *nth);
        refusal.map_or(Ok(()), |(_, _, refusal)| Err(refusal.clone()))
    }

    /// How often a function was called.
    pub(super) fn calls(&self, call: Call) -> u64 {
        self.calls.borrow().get(&call).copied().unwrap_or(0)
    }

    /// The first wish for the task's end is kept.
    pub(super) fn request_cancel(&self, reason: Option<String>) {
        self.cancel.borrow_mut().get_or_insert(Cancel { requested_at: self.now.get(), reason });
    }

    pub(super) fn folder(&self, name: &str) -> Option<PathBuf> {
        self.folders.get(name).cloned()
    }

    /// An id that was not given before.
    pub(super) fn new_id(&self, prefix: &str) -> String {
        self.ids.set(self.ids.get() + 1);
        id(prefix, self.ids.get())
    }

    /// The key that a real host would give this attempt of this task.
    pub(super) fn idempotency_key(&self, call: &str) -> String {
        assert!(
            call.len() <= IDEMPOTENT_CALL_BYTES,
            "the kind asks for the idempotency key of a call with a name of {} bytes: a host ends the attempt at more than \
             {IDEMPOTENT_CALL_BYTES}",
            call.len()
        );
        let hash = Sha256::digest(format!("{}\0{}\0{call}", task_id(), self.attempt.get()));
        hash[..16].iter().fold("tw_".to_owned(), |key, byte| format!("{key}{byte:02x}"))
    }

    pub(super) fn wake_at(&self, at: u64, waker: Waker) {
        self.timers.borrow_mut().push(Timer { at, waker });
    }

    pub(super) fn wake_with_children(&self, waker: Waker) {
        self.waiting.borrow_mut().push(waker);
    }

    /// A child is over.
    pub(super) fn child_ended(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// When the next sleep of the kind is over.
    pub(super) fn next_timer(&self) -> Option<u64> {
        self.timers.borrow().iter().map(|timer| timer.at).min()
    }

    /// Sets the clock and wakes whose sleep is over.
    pub(super) fn set_clock(&self, now: u64) {
        self.now.set(now);
        let (over, rest) = self.timers.take().into_iter().partition(|timer| timer.at <= now);
        *self.timers.borrow_mut() = rest;
        over.into_iter().for_each(|timer: Timer| timer.waker.wake());
    }

    /// What is lost when an attempt ends without its task having ended.
    pub(super) fn drop_attempt(&self) {
        self.timers.borrow_mut().clear();
        self.waiting.borrow_mut().clear();
        self.record.borrow_mut().drafts.clear();
    }
}

/// The id of the one task.
pub(super) fn task_id() -> String {
    id("task_", 1)
}

/// An id of the form that a real host gives.
pub(super) fn id(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:032x}")
}
