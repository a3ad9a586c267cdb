//! Which sessions have wakes that nobody has acknowledged.
//! Does not hold the wakes: `Store::wakes` reads them.

use taskwright_registry::SessionId;

/// Sessions with wakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WokenPage {
    /// The sessions, in an order that stays.
    pub sessions: Vec<SessionId>,
    /// What to pass as `after` for the next page, if there is one.
    pub next: Option<u64>,
}
