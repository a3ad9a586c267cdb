//! Which child tasks an instance may create.
//! Does not create them: the attempt's host does.

/// Child tasks that a kind may create. A child is never granted more than its parent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnGrant {
    /// Of which kinds.
    pub kinds: Vec<String>,
    /// How many generations below a task that nobody's task has created; a child of such a task is the first.
    pub max_depth: u32,
    /// How many children of one task may be live at one time.
    pub max_live: u32,
    /// How many one task may create in a minute.
    pub per_minute: u32,
    /// Those of `kinds` whose children get what their own kind is granted, also what this kind is not: the operator trusts
    /// that kind to use it for others.
    pub delegates: Vec<String>,
}

impl SpawnGrant {
    /// Children of these kinds: three generations, ten live ones, sixty a minute.
    #[must_use]
    pub fn new(kinds: Vec<String>) -> Self {
        Self { kinds, max_depth: 3, max_live: 10, per_minute: 60, delegates: Vec::new() }
    }
}
