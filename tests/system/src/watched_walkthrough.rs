//! The native walkthrough under the eyes of a test: notes when two instances of one task are at work at one time, and how
//! often each task was started.
//! Does not change what the walk does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use taskwright_runner::registry::{Description, Failure, Message, TaskId};
use taskwright_runner::sandbox::{AttemptHost, Step, TaskContext};
use taskwright_runner::{NativeExecutor, NativeKind, async_trait};

use crate::NativeWalkthrough;

#[derive(Default)]
struct Seen {
    /// The claims that are at work.
    at_work: BTreeMap<TaskId, Vec<u32>>,
    /// How often `start` was called.
    starts: BTreeMap<TaskId, u32>,
    overlaps: Vec<String>,
}

/// What was seen of all instances. Clones share it.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every time that two instances of one task were at work at one time.
    #[must_use]
    pub fn overlaps(&self) -> Vec<String> {
        self.with(|seen| seen.overlaps.clone())
    }

    /// How many instances are at work.
    #[must_use]
    pub fn at_work(&self) -> usize {
        self.with(|seen| seen.at_work.values().map(Vec::len).sum())
    }

    /// How often a task was started.
    #[must_use]
    pub fn starts(&self, task: &TaskId) -> u32 {
        self.with(|seen| seen.starts.get(task).copied().unwrap_or(0))
    }

    fn begin(&self, task: &TaskContext, start: bool) -> AtWork {
        let (id, claim) = (task.task.id.clone(), task.task.dispatch.claim);
        self.with(|seen| {
            *seen.starts.entry(id.clone()).or_default() += u32::from(start);
            let at_work = seen.at_work.entry(id.clone()).or_default();
            if !at_work.is_empty() {
                seen.overlaps.push(format!("claim {claim} of {id} began while {at_work:?} were at work"));
            }
            at_work.push(claim);
        });
        AtWork { watch: self.clone(), id, claim }
    }
}

/// For as long as a call is at work; a stopped instance drops it.
struct AtWork {
    watch: Watch,
    id: TaskId,
    claim: u32,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.watch.with(|seen| {
            if let Some(at_work) = seen.at_work.get_mut(&self.id) {
                at_work.retain(|claim| *claim != self.claim);
            }
        });
    }
}

/// The kind.
pub struct WatchedWalkthrough(pub Watch);

impl NativeKind for WatchedWalkthrough {
    fn description(&self) -> Description {
        NativeWalkthrough.description()
    }

    fn executor(&self, host: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        Box::new(Watched { watch: self.0.clone(), walk: NativeWalkthrough.executor(host) })
    }
}

struct Watched {
    watch: Watch,
    walk: Box<dyn NativeExecutor>,
}

#[async_trait]
impl NativeExecutor for Watched {
    async fn start(&self, task: TaskContext) -> Result<Step, Failure> {
        let _at_work = self.watch.begin(&task, true);
        self.walk.start(task).await
    }

    async fn reconcile(&self, task: TaskContext) -> Result<Step, Failure> {
        let _at_work = self.watch.begin(&task, false);
        self.walk.reconcile(task).await
    }

    async fn deliver(&self, task: TaskContext, message: Message) -> Result<(), Failure> {
        self.walk.deliver(task, message).await
    }

    async fn cancel(&self, task: TaskContext) -> Result<(), Failure> {
        self.walk.cancel(task).await
    }
}
