//! What a store says of hosts and of what dead ones have left behind.
//! Does not judge liveness: a store does, by its own clock.

use crate::PageLimit;
use taskwright_registry::{HostRef, LeaseLength, SessionId, Task, TaskId, Timestamp};

/// A host as its lease shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostStatus {
    /// Which.
    pub host: HostRef,
    /// Whether its lease holds.
    pub alive: bool,
    /// How long its lease lasts after a renewal.
    pub length: LeaseLength,
    /// When it took the lease.
    pub opened_at: Timestamp,
    /// When it last renewed it.
    pub renewed_at: Timestamp,
    /// How many tasks it holds, or has left behind.
    pub resident: u64,
}

/// Tasks that may be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LapsedPage {
    /// The tasks, in the order of their creation.
    pub tasks: Vec<(SessionId, TaskId)>,
    /// What to pass as `after` for the next page, if there is one.
    pub next: Option<u64>,
    /// The limit that held.
    pub limit: PageLimit,
}

/// What an attempt to take over a task gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Reaped {
    /// It waits for its next attempt.
    Reattached(Task),
    /// It is over.
    Ended(Task),
    /// There is nothing to take over: its host lives, or somebody else was faster.
    Untouched,
}
