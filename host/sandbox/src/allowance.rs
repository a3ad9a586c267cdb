//! The budget that an instance shares with the earlier ones of its attempt.
//! Does not count: the meter does.

use taskwright_registry::{Budget, Usage};

/// What an attempt may use, and what of it counts as used already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The whole budget of the attempt.
    pub budget: Budget,
    /// What earlier instances of the attempt have used of its flows and sums and not regained.
    pub used: Usage,
    /// Whose instances share what one may have of the memory of all guests: the session. `None` is nobody in particular.
    pub owner: Option<String>,
}

impl From<Budget> for Allowance {
    /// A whole budget, for the first instance.
    fn from(budget: Budget) -> Self {
        Self { budget, used: Usage::default(), owner: None }
    }
}
