//! What becomes of a task whose host was lost while it had an instance of it.
//! Does not find out that a host is lost: leases say so, and a store asks this inside the transaction that takes over.

use serde::{Deserialize, Serialize};

use crate::{State, Supersede, Task, TaskError, TaskUpdate};

/// Where a task's work can go on: a contract that its creator makes, and no guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// Bound to the host that started it: never run twice once started.
    #[default]
    HostBound,
    /// It may be started again, from its checkpoint, wherever its kind is known.
    Reattach,
    /// The work is done elsewhere, by code that no host runs: hosts never start it, and never end it because nothing is heard of
    /// it (L51).
    External,
}

/// The kind of the error of a task that ended with its host.
pub const ORPHANED: &str = "orphaned";

/// The update that follows the loss of the host that holds the task's instance (L36). It carries the task's fence. `None` for
/// work that is done elsewhere: it has no host to lose (L51).
///
/// `crash_limit` is how many attempts the losses of hosts may use up; a task beyond it may be what takes its hosts down.
#[must_use]
pub fn settle_loss(task: &Task, crash_limit: u32) -> Option<TaskUpdate> {
    let update = TaskUpdate { fence: Some(task.fence()), ..TaskUpdate::default() };
    let again = task.recovery == Recovery::Reattach && task.crashes < crash_limit;
    if again {
        return Some(TaskUpdate { supersede: Some(Supersede::Reattach), ..update });
    }
    let host = task.dispatch.host.as_ref().map_or("its host", |host| host.id.as_str());
    let message = match task.recovery {
        Recovery::HostBound => format!(
            "{host} was lost, and the task was bound to it: how far it came is not known. Create it again if that is safe"
        ),
        Recovery::Reattach => format!(
            "{host} was lost, as were the {} hosts before it; the task is not started again, in case it is the cause",
            task.crashes
        ),
        Recovery::External => return None,
    };
    // The session's wish came true, if not in the way it hoped for.
    let state = if task.cancel.is_some() { State::Canceled } else { State::Failed };
    let error = TaskError { detail: None, kind: ORPHANED.to_owned(), message };
    Some(TaskUpdate { state: Some(state), error: Some(error), ..update })
}
