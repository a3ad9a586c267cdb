//! One store that is measured, with what is asked for in it.
//! Does not measure.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rand::seq::IndexedRandom;
use serde_json::json;
use taskwright_registry::{HostRef, NewTask, SessionId, State, Task, TaskId, TaskUpdate};
use taskwright_runner::{RunnerConfig, RunnerParts, Session, SessionFiles, Until};
use taskwright_store::{ClaimRequest, KindOffer, Store};
use tokio::task::JoinSet;

/// The kind that the host runs.
pub(crate) const KIND: &str = "walkthrough";
/// A kind that a store has few tasks of, however many it has.
pub(crate) const RARE: &str = "rare";
/// A name that three tasks have had.
pub(crate) const NAME: &str = "nightly";

/// Tasks among which a parent and a run are looked for.
const OF_LINEAGE: usize = 100;

/// A store with what is asked for in it.
pub(crate) struct Subject {
    pub(crate) store: Arc<dyn Store>,
    /// The session that is asked about.
    pub(crate) id: SessionId,
    /// The same through a runner, for whoever waits.
    pub(crate) session: Session,
    pub(crate) host: HostRef,
    /// Tasks of the session that are over, a sample in order of their creation.
    pub(crate) over: Vec<TaskId>,
    /// A live task that the host holds.
    pub(crate) held: Task,
    /// A parent and a run whose tasks are looked up.
    pub(crate) parent: String,
    pub(crate) run: String,
    /// The middle of the session's log.
    pub(crate) cursor: u64,
    /// Who waits for the live tasks, and is not told anything.
    _idle: JoinSet<()>,
}

impl Subject {
    /// Prepares what is asked for, in a store that is filled.
    pub(crate) async fn new(
        store: Arc<dyn Store>,
        id: SessionId,
        host: HostRef,
        over: Vec<TaskId>,
        live: Vec<TaskId>,
    ) -> Result<Self> {
        let parts = RunnerParts::new(store.clone(), SessionFiles::in_memory()).config(RunnerConfig::default());
        let session = parts.runner().session(id.clone());
        let held = store.held_by(&host).await?.pop().context("the host holds nothing")?.task;
        let cursor = store.events(&id, 0, 1).await?.last / 2;
        let mut idle = JoinSet::new();
        for task in live {
            let session = session.clone();
            idle.spawn(async move {
                // It ends with the store, or not at all.
                let _ = session.wait_any(&[task], Until::Over, None).await;
            });
        }
        let (mut of_parent, mut run) = (parent(0).to_string(), String::new());
        for task in over.iter().take(OF_LINEAGE) {
            let lineage = store.get(&id, task).await?.parent;
            of_parent = lineage.task_id.unwrap_or(of_parent);
            run = lineage.run_id.unwrap_or(run);
        }
        Ok(Self { store, id, session, host, over, held, parent: of_parent, run, cursor, _idle: idle })
    }

    /// A task that is over, any of the sample.
    pub(crate) fn any(&self) -> Result<&TaskId> {
        self.over.choose(&mut rand::rng()).context("no task is over")
    }

    /// The task in the middle of the session.
    pub(crate) fn middle(&self) -> Option<TaskId> {
        self.over.get(self.over.len() / 2).cloned()
    }

    /// A new task of the session.
    pub(crate) fn new_task(&self) -> NewTask {
        NewTask::new(TaskId::new(self.store.now(), rand::random()), self.id.clone(), KIND, json!({"steps": []}))
    }

    /// What the host asks for.
    pub(crate) fn request(&self) -> ClaimRequest {
        let kinds = vec![KindOffer::from(KIND)];
        ClaimRequest::new(self.host.clone(), kinds, 1)
    }

    /// Ends a task that nobody holds, or that the host does.
    pub(crate) async fn end(&self, task: &Task) -> Result<()> {
        let fence = task.dispatch.host.is_some().then(|| task.fence());
        let update = TaskUpdate { fence, state: Some(State::Succeeded), ..TaskUpdate::default() };
        let ended = self.store.update(&self.id, &task.id, update).await?;
        ensure!(ended.state.is_terminal(), "{} is {}", ended.id, ended.state);
        Ok(())
    }
}

/// The id of a parent that some tasks name.
pub(crate) fn parent(number: usize) -> TaskId {
    let mut random = [7; 10];
    random[2..].copy_from_slice(&(number as u64).to_be_bytes());
    TaskId::new(taskwright_registry::Timestamp::default(), random)
}
