//! The fence: which instance may still write to a task.
//! Does not know hosts or leases; it compares three numbers that only grow.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Rejection, Task};

/// Names the writer. An instance gets it with its claim and every write of it carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The attempt, as the session sees it.
    pub attempt: u32,
    /// Which claim of the task this is. It grows whenever an instance is made for the task, also within one attempt:
    /// after hibernation or a drain the instance before has no more say (L6).
    pub claim: u32,
    /// Which task of its id it is: how many tasks its store had forgotten when it was created. It tells a task from an earlier
    /// one that is forgotten, and whose id was used again (L55).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub birth: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempt, claim, birth } = self;
        // Both sides of a refusal differ in their words too.
        match birth {
            0 => write!(f, "attempt {attempt} (claim {claim})"),
            _ => write!(f, "attempt {attempt} (claim {claim}, birth {birth})"),
        }
    }
}

/// Refuses a writer that is not the current one (L5, L55).
///
/// # Errors
/// `Rejection::Superseded` with both sides.
pub fn check_fence(task: &Task, given: Option<Fence>) -> Result<(), Rejection> {
    let actual = task.fence();
    match given {
        Some(expected) if expected != actual => Err(Rejection::Superseded { expected, actual }),
        _ => Ok(()),
    }
}
