//! How many tasks of a session are live, by state.
//! Does not count beyond one page: a look costs the same however many there are.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use taskwright_registry::{SessionId, State};
use taskwright_store::{Store, TaskFilter, TaskQuery};

/// The live tasks of a session, hidden ones too.
#[derive(Debug)]
pub(crate) struct LiveTasks {
    by_state: Vec<(State, usize)>,
    /// Whether there are more than were counted.
    more: bool,
}

impl LiveTasks {
    /// Counts them.
    pub(crate) async fn count(store: &Arc<dyn Store>, session: &SessionId) -> Result<Self> {
        let filter = TaskFilter { states: State::LIVE.to_vec(), ..TaskFilter::all() };
        let query = TaskQuery { filter, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
        let page = store.list(session, &query).await?;
        let count = |state: State| page.tasks.iter().filter(|task| task.state == state).count();
        let by_state = State::LIVE.into_iter().map(|state| (state, count(state))).collect();
        Ok(Self { by_state, more: page.next.is_some() })
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_state.iter().all(|(_, count)| *count == 0)
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({"more": self.more});
        for (state, count) in &self.by_state {
            json[state.as_str()] = json!(count);
        }
        json
    }
}

impl fmt::Display for LiveTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = self.by_state.iter().filter(|(_, count)| *count > 0);
        let words: Vec<String> = there.map(|(state, count)| format!("{count} {state}")).collect();
        match (words.is_empty(), self.more) {
            (true, _) => f.write_str("none"),
            (false, false) => f.write_str(&words.join(", ")),
            (false, true) => write!(f, "{}, and more", words.join(", ")),
        }
    }
}
