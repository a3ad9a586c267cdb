//! How much work waits, by kind.
//! Does not say why it waits: a host may be missing, full, or not allowed to run the kind.

use taskwright_registry::Timestamp;

/// What of one kind is due and not claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The kind's name.
    pub kind: String,
    /// How many tasks; `COUNTED` stands for as many and more.
    pub due: u64,
    /// Since when the first of them is due.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
    /// Up to where is counted, so that a look costs the same however much waits.
    pub const COUNTED: u64 = 10_000;
}
