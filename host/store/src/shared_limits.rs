//! How many tasks may be at work at one time on all hosts together.
//! Does not hold what one host has room for: its runner asks for no more than that.

use std::collections::BTreeMap;

/// Limits that hold for all hosts together, as each of them asks for them: all must be told the same.
///
/// A task is at work while an instance of it lives and it does not await input. One that is answered goes on at once: a limit
/// can be passed by as many as are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharedLimits {
    /// Tasks of one session.
    pub session: Option<usize>,
    /// Tasks of a kind, by its name.
    pub kinds: BTreeMap<String, usize>,
}

impl SharedLimits {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.session.is_none() && self.kinds.is_empty()
    }
}
