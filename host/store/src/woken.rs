//! Which sessions have wakes that nobody has acknowledged, and which host gives them out.
//! Does not deliver anything: a runner does.

use taskwright_registry::{HostRef, SessionId, Wake};

use crate::{Page, PageLimit};

/// Sessions with wakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WokenPage {
    /// The sessions, in an order that stays.
    pub sessions: Vec<SessionId>,
    /// What to pass as `after` for the next page, if there is one.
    pub next: Option<u64>,
    /// The limit that held.
    pub limit: PageLimit,
}

/// What a host that wants to deliver a session's wakes is given.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimedWakes {
    /// These are the host's to deliver; none if there are none.
    Here(Page<Wake>),
    /// This host does, and its lease holds.
    Elsewhere(HostRef),
}
