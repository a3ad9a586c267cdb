//! What to list and how much of it.
//! Does not know how a store looks it up.

use serde::{Deserialize, Serialize};
use taskwright_registry::{Event, MessageId, State, Task, TaskId, Visibility};

use crate::{PageLimit, UnreadableRow};

/// Which tasks of a session. The default is all that are listed, in any state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only these kinds; empty for all.
    pub kinds: Vec<String>,
    /// Only these states; empty for all.
    pub states: Vec<State>,
    /// Only the task that has this name. Names are unique among live tasks alone, so there can be several.
    pub name: Option<String>,
    /// Only those whose id begins like this.
    pub id_prefix: Option<String>,
    /// Only children of this task.
    pub parent_task_id: Option<String>,
    /// Only those that were created in this run.
    pub run_id: Option<String>,
    /// What to do with hidden tasks.
    pub hidden: Hidden,
}

/// Which tasks of a list are hidden ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hidden {
    /// None: hidden tasks are not listed unless they are asked for.
    #[default]
    LeftOut,
    /// Those that there are.
    Included,
    /// All of them.
    Only,
    /// All of them, and of those only what the session has not taken note of (L54).
    Unreported,
}

impl Hidden {
    /// How a task is hidden, as stores keep it: 0 if it is listed, 1 if it is hidden, 2 once its session has taken note of its end.
    pub(crate) fn rank(task: &Task) -> u8 {
        match (task.visibility, task.reported_at) {
            (Visibility::Listed, _) => 0,
            (Visibility::Hidden, None) => 1,
            (Visibility::Hidden, Some(_)) => 2,
        }
    }

    /// What it admits.
    pub(crate) fn ranks(self) -> &'static [u8] {
        match self {
            Hidden::LeftOut => &[0],
            Hidden::Included => &[0, 1, 2],
            Hidden::Only => &[1, 2],
            Hidden::Unreported => &[1],
        }
    }
}

impl TaskFilter {
    /// All tasks of the session, hidden ones too.
    #[must_use]
    pub fn all() -> Self {
        Self { hidden: Hidden::Included, ..Self::default() }
    }

    /// Whether it asks for a text that no task can have, and no database can be asked for.
    pub(crate) fn holds_nul(&self) -> bool {
        let texts = [&self.name, &self.id_prefix, &self.parent_task_id, &self.run_id];
        texts.into_iter().flatten().chain(&self.kinds).any(|text| text.contains('\0'))
    }

    /// Whether a record passes.
    #[must_use]
    pub fn admits(&self, task: &Task) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&task.kind))
            && (self.states.is_empty() || self.states.contains(&task.state))
            && (self.name.is_none() || self.name == task.name)
            && self.id_prefix.as_ref().is_none_or(|prefix| task.id.as_str().starts_with(prefix.as_str()))
            && (self.parent_task_id.is_none() || self.parent_task_id == task.parent.task_id)
            && (self.run_id.is_none() || self.run_id == task.parent.run_id)
            && self.hidden.ranks().contains(&Hidden::rank(task))
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By creation, oldest first.
    #[default]
    OldestFirst,
    /// By creation, newest first.
    NewestFirst,
}

/// A request for one page of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskQuery {
    /// Which.
    pub filter: TaskFilter,
    /// In which order.
    pub order: Order,
    /// The last task of the page before, exclusive. An unknown or foreign one gives an empty page.
    pub after: Option<TaskId>,
    /// How many; clamped to 1..=500.
    pub limit: usize,
}

impl TaskQuery {
    /// The largest page.
    pub const MAX_LIMIT: usize = 500;
}

impl Default for TaskQuery {
    fn default() -> Self {
        Self { filter: TaskFilter::default(), order: Order::default(), after: None, limit: 100 }
    }
}

/// One page of tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// What to pass as `after` for the next page, if there is one.
    pub next: Option<TaskId>,
    /// The limit that held.
    pub limit: PageLimit,
    /// What would stand in the page, and cannot be read.
    pub unreadable: Vec<UnreadableRow>,
}

/// A request for messages: the latest `limit` without a cursor, those after it with one; oldest first either way. An
/// unknown or foreign cursor gives none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// The last message seen, exclusive.
    pub after: Option<MessageId>,
    /// How many; clamped to 1..=500.
    pub limit: usize,
}

impl MessagePage {
    /// The largest page.
    pub const MAX_LIMIT: usize = 500;
}

impl Default for MessagePage {
    fn default() -> Self {
        Self { after: None, limit: 50 }
    }
}

/// A stretch of a session's log.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<Event>,
    /// The first sequence number that is still there, one more than `last` if none is: retention takes away the oldest. A
    /// reader whose cursor is smaller than `first - 1` has missed some.
    pub first: u64,
    /// The log's last sequence number at the time of reading.
    pub last: u64,
    /// The limit that held.
    pub limit: PageLimit,
}
