//! Wanting the end of many tasks at once: which, how many that were, and how far it has come.
//! Does not look at tasks: the verb does, step by step.

use std::collections::{BTreeSet, HashSet, VecDeque};

use taskwright_registry::{SessionId, Task, TaskId};

use crate::TaskFilter;

/// Which tasks of a session are to end (L49).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelScope {
    /// A task and everything below it.
    Tree(TaskId),
    /// Everything that was created in a run, and everything below that.
    Run(String),
    /// Everything that is live in the session, hidden tasks too. What is created while it is carried out may be asked as well.
    All,
    /// The same but for these tasks. Ids that the session does not have are passed over.
    AllBut(Vec<TaskId>),
}

/// How many live tasks a cancel has reached, and which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CancelCount {
    /// Whose end nobody had wanted before.
    pub signalled: usize,
    /// Whose end was wanted already; their first stamp and reason stand (L17).
    pub again: usize,
    /// The first of those whose end nobody had wanted before, at most [`CancelCount::NAMED`].
    pub first: Vec<TaskId>,
}

impl CancelCount {
    /// How many are named.
    pub const NAMED: usize = 1_000;

    /// Adds what a further step has reached.
    pub fn add(&mut self, further: Self) {
        self.signalled += further.signalled;
        self.again += further.again;
        let room = Self::NAMED.saturating_sub(self.first.len());
        self.first.extend(further.first.into_iter().take(room));
    }
}

/// What a cancel of many tasks has still to look at. Whoever carries it out has it in memory alone: what was asked is durable,
/// and who begins it anew after a failure goes on behind that.
#[derive(Debug, Clone)]
pub struct CancelWalk {
    /// What was wanted; none once it has begun.
    pub(crate) scope: Option<CancelScope>,
    /// Tasks by id, each once, whatever circle their lineage makes.
    pub(crate) seen: HashSet<TaskId>,
    pub(crate) seen_sessions: BTreeSet<SessionId>,
    pub(crate) places: VecDeque<CancelPlace>,
}

/// Where to look.
#[derive(Debug, Clone)]
pub(crate) enum CancelPlace {
    /// At a task, and below it.
    Task(TaskId),
    /// At each of a list and below it, behind one of them.
    Listed { session: SessionId, filter: Box<TaskFilter>, after: Option<TaskId> },
    /// At what is live in a session, behind a place in order of creation.
    Live { session: SessionId, after: u64 },
}

impl CancelWalk {
    /// One that has not begun.
    #[must_use]
    pub fn new(session: &SessionId, scope: CancelScope) -> Self {
        let seen_sessions = BTreeSet::from([session.clone()]);
        Self { scope: Some(scope), seen: HashSet::new(), seen_sessions, places: VecDeque::new() }
    }
}

/// One step of it.
#[derive(Debug)]
pub struct CancelStep {
    /// What this step has reached.
    pub count: CancelCount,
    /// The tasks that were never started and are over with this step (L20), without their specifications.
    pub ended: Vec<Task>,
    /// What is left to do, if anything is.
    pub rest: Option<CancelWalk>,
}
