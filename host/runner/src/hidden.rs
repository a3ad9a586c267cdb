//! Waiting for the hidden tasks of a session, and hearing of every one that went wrong until its session has taken note.
//! Does not list them otherwise: whoever wants to see hidden tasks asks for them in a filter.

use std::time::Duration;

use taskwright_registry::{State, Task, TaskId, TaskUpdate};
use taskwright_store::{Hidden, StoreError, TaskFilter, TaskQuery};
use tokio::time::Instant;

use crate::wait::deadline;
use crate::{RunnerError, Session, Until};

/// What waiting for hidden tasks gave.
#[derive(Debug, Clone, PartialEq)]
pub struct HiddenOutcome {
    /// Every hidden task that failed, or was canceled with an error, and whose end the session has not taken note of; by creation.
    pub failed: Vec<Task>,
    /// Those that were still live when the time was over, at most 500.
    pub live: Vec<Task>,
    /// Whether the time was over before all had ended.
    pub timed_out: bool,
}

impl Session {
    /// Waits until the session has no live hidden task any more, those included that are begun meanwhile, and gives every one that
    /// went wrong. It is given again by the next call, also after a restart, until `acknowledge_hidden` has said that it was heard:
    /// an error is never lost because there was another one before it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn await_hidden(&self, timeout: Option<Duration>) -> Result<HiddenOutcome, RunnerError> {
        let ends = deadline(timeout);
        let mut timed_out = false;
        let live = loop {
            let live = self.hidden_page(State::LIVE.to_vec(), Hidden::Only, None).await?.0;
            if live.is_empty() || timed_out {
                break live;
            }
            let ids: Vec<TaskId> = live.into_iter().map(|task| task.id).collect();
            let left = ends.map(|ends| ends.saturating_duration_since(Instant::now()));
            match self.wait_all(&ids, Until::Over, left).await {
                Ok(waited) => timed_out = waited.timed_out,
                // It was moved to another session, or forgotten.
                Err(RunnerError::Store(StoreError::NotFound { .. })) => {}
                Err(error) => return Err(error),
            }
        };
        Ok(HiddenOutcome { failed: self.failed_hidden().await?, timed_out: !live.is_empty(), live })
    }

    /// Takes note of how hidden tasks have ended: `await_hidden` does not give them again. Returns how many of them that was new
    /// for; ids that the session does not have are passed over. Durable when this returns.
    ///
    /// # Errors
    /// `Store(Rejected(Invalid))` for a task that is live or not hidden; those before it are taken note of then.
    pub async fn acknowledge_hidden(&self, ids: &[TaskId]) -> Result<usize, RunnerError> {
        let mut acknowledged = 0;
        for id in ids {
            let known = match self.get(id).await {
                Ok(task) => task.reported_at.is_some(),
                Err(RunnerError::Store(StoreError::NotFound { .. })) => continue,
                Err(error) => return Err(error),
            };
            if !known {
                let update = TaskUpdate { reported: true, ..TaskUpdate::default() };
                self.inner.store.update(&self.id, id, update).await?;
                acknowledged += 1;
            }
        }
        Ok(acknowledged)
    }

    async fn failed_hidden(&self) -> Result<Vec<Task>, RunnerError> {
        let (mut failed, mut after) = (Vec::new(), None);
        loop {
            let states = vec![State::Failed, State::Canceled];
            let (tasks, next) = self.hidden_page(states, Hidden::Unreported, after).await?;
            failed.extend(tasks.into_iter().filter(|task| task.state == State::Failed || task.error.is_some()));
            after = next;
            if after.is_none() {
                return Ok(failed);
            }
        }
    }

    async fn hidden_page(
        &self,
        states: Vec<State>,
        hidden: Hidden,
        after: Option<TaskId>,
    ) -> Result<(Vec<Task>, Option<TaskId>), RunnerError> {
        let filter = TaskFilter { states, hidden, ..TaskFilter::default() };
        let query = TaskQuery { filter, after, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
        let page = self.list(&query).await?;
        Ok((page.tasks, page.next))
    }
}
