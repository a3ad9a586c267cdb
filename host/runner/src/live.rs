//! Whether all tasks of a list are live in this session, and which is the first that is not; and whether any task is.
//! Does not keep them alive: a task may end right after it was looked at.

use taskwright_registry::{SessionId, State, TaskError, TaskId, clean_line};
use taskwright_store::{StoreError, TaskQuery};

use crate::wait::check_length;
use crate::{Among, RunnerError, Session};

/// Why a list of tasks is not live: what is wrong with the first of them.
#[derive(Debug, thiserror::Error)]
pub enum NotLive {
    /// There is no such task in this session. A task of another session looks exactly the same (L23).
    #[error("there is no task {id} in session {session}; `list` shows the ones there are")]
    Unknown {
        /// Where it was looked for.
        session: SessionId,
        /// What was looked for.
        id: TaskId,
    },
    /// The task is over.
    #[error("task {id} is over: it is {state}{}; leave it out of the list, or create another task", why(error.as_deref()))]
    Over {
        /// The task.
        id: TaskId,
        /// How it ended.
        state: State,
        /// Why it failed, if it did; the kind may have written it.
        error: Option<Box<TaskError>>,
    },
    /// What else stood in the way: `TaskList` for a list that is too long, and the store's reasons.
    #[error(transparent)]
    Runner(RunnerError),
}

fn why(error: Option<&TaskError>) -> String {
    error.map(|error| format!(" ({})", clean_line(&error.kind, 64))).unwrap_or_default()
}

impl Session {
    /// Checks that each task of a list is live, and of this session. Hidden tasks are live like others: they are only not
    /// listed. No list is no problem. Each task is looked at once, one after the other.
    ///
    /// # Errors
    /// What is wrong with the first of the list that is not live; `Runner(TaskList)` for more than `MAX_LISTED`.
    pub async fn check_live(&self, ids: &[TaskId]) -> Result<(), NotLive> {
        check_length(ids, 0).map_err(NotLive::Runner)?;
        for id in ids {
            match self.get(id).await {
                Ok(task) if task.state.is_live() => {}
                Ok(task) => {
                    return Err(NotLive::Over { id: task.id, state: task.state, error: task.error.map(Box::new) });
                }
                Err(RunnerError::Store(StoreError::NotFound { session, id })) => {
                    return Err(NotLive::Unknown { session, id });
                }
                Err(error) => return Err(NotLive::Runner(error)),
            }
        }
        Ok(())
    }

    /// Whether anything is live in the session, below a task (its children, not theirs) or in a run, hidden tasks too. Reads one
    /// record at most. A run or a parent that nobody knows has nothing live.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn has_live(&self, among: &Among) -> Result<bool, RunnerError> {
        let query = TaskQuery { filter: among.filter(), limit: 1, ..TaskQuery::default() };
        Ok(!self.inner.store.list(&self.id, &query).await?.tasks.is_empty())
    }
}
