//! Pages of what has been over for long enough to be forgotten.
//! Does not say how long that is: a runner's configuration does.

use taskwright_registry::{SessionId, TaskId, Timestamp};

use crate::PageLimit;

/// A place in the order of the tasks' ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FinishedPlace {
    /// When a task ended.
    pub at: Timestamp,
    /// Its place in the order of creation.
    pub place: u64,
}

/// Tasks that may be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedPage {
    /// The tasks, by their end.
    pub tasks: Vec<(SessionId, TaskId)>,
    /// What to pass as `after` for the next page, if there is one.
    pub next: Option<FinishedPlace>,
    /// The limit that held.
    pub limit: PageLimit,
}
