//! Finds the live task that is meant by a name, an id, or the beginning of an id: in a session, below a task, or in a run.
//! Does not look at tasks that are over: their ids still read them.

use taskwright_registry::{SessionId, State, Task, TaskId, clean_line};
use taskwright_store::{StoreError, TaskFilter, TaskQuery};

use crate::Session;

/// How many candidates an error names.
const NAMED: usize = 5;
/// How much of what was looked for an error repeats, in bytes.
const SHOWN: usize = 80;

/// Among which live tasks of a session one is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Among {
    /// All of them.
    #[default]
    Session,
    /// The children of a task.
    Children(TaskId),
    /// Those that were created in a run.
    Run(String),
}

impl Among {
    pub(crate) fn filter(&self) -> TaskFilter {
        let (parent_task_id, run_id) = match self {
            Among::Session => (None, None),
            Among::Children(parent) => (Some(parent.to_string()), None),
            Among::Run(run) => (None, Some(run.clone())),
        };
        TaskFilter { states: State::LIVE.to_vec(), parent_task_id, run_id, ..TaskFilter::all() }
    }
}

impl std::fmt::Display for Among {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Among::Session => f.write_str("in"),
            Among::Children(parent) => write!(f, "among the children of {parent} in"),
            Among::Run(run) => write!(f, "in the run {} of", clean_line(run, SHOWN)),
        }
    }
}

/// Why no task was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No live task is called so, or has an id that begins so. Tasks of other sessions look exactly the same (L23).
    #[error(
        "there is no live task `{text}` {among} session {session}; a list shows the ones there are, and one that is over is read by its whole id"
    )]
    Unknown {
        /// Where it was looked for.
        session: SessionId,
        /// Among which tasks.
        among: Among,
        /// What was looked for, cut to 80 bytes.
        text: String,
    },
    /// The ids of several live tasks begin so.
    #[error("`{text}` may be {}; give more of the id", candidates_named(candidates, *more))]
    Ambiguous {
        /// What was looked for, cut to 80 bytes.
        text: String,
        /// Which tasks it may be, oldest first; at most 5 of them.
        candidates: Vec<TaskId>,
        /// Whether there are further ones.
        more: bool,
    },
    /// The store's reason.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn candidates_named(candidates: &[TaskId], more: bool) -> String {
    let ids: Vec<&str> = candidates.iter().map(TaskId::as_str).collect();
    format!("any of {}{}", ids.join(", "), if more { " and others" } else { "" })
}

impl Session {
    /// Finds the live task that a text means: by its whole id, or else by its name or the beginning of its id, with or without
    /// `task_`, if no other task has that name or an id that begins so. Hidden tasks are found too.
    ///
    /// # Errors
    /// `Unknown` if there is none, `Ambiguous` if there are several.
    pub async fn find(&self, text: &str, among: &Among) -> Result<Task, FindError> {
        let unknown =
            || FindError::Unknown { session: self.id.clone(), among: among.clone(), text: clean_line(text, SHOWN) };
        let filter = among.filter();
        if let Ok(id) = text.parse::<TaskId>() {
            return match self.inner.store.get(&self.id, &id).await {
                Ok(task) if filter.admits(&task) => Ok(task),
                Ok(_) | Err(StoreError::NotFound { .. }) => Err(unknown()),
                Err(error) => Err(error.into()),
            };
        }
        // Names are unique among live tasks. One that the id of another begins with does not hide that: who chose the name may
        // not be who looks.
        let named = TaskFilter { name: Some(text.to_owned()), ..filter.clone() };
        let mut found = self.listed(named, 1).await?;
        if let Some(prefix) = TaskId::prefix(text) {
            let begin_so = self.listed(TaskFilter { id_prefix: Some(prefix), ..filter }, NAMED + 1).await?;
            let named = found.first().map(|task| task.id.clone());
            found.extend(begin_so.into_iter().filter(|task| Some(&task.id) != named.as_ref()));
        }
        match found.len() {
            0 => Err(unknown()),
            1 => found.pop().ok_or_else(unknown),
            several => {
                let candidates = found.into_iter().take(NAMED).map(|task| task.id).collect();
                Err(FindError::Ambiguous { text: clean_line(text, SHOWN), candidates, more: several > NAMED })
            }
        }
    }

    async fn listed(&self, filter: TaskFilter, limit: usize) -> Result<Vec<Task>, StoreError> {
        let query = TaskQuery { filter, limit, ..TaskQuery::default() };
        Ok(self.inner.store.list(&self.id, &query).await?.tasks)
    }
}
