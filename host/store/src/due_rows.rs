//! What a store must be able to read of the tasks that are due, and of those at work, so that a claim can be written once for all stores.
//! Does not choose: the verb does.

use std::collections::HashMap;

use taskwright_registry::{SessionId, Task, Timestamp};

use crate::turns::DueTask;
use crate::unreadable::Read;
use crate::{Backlog, KindOffer, StoreError};

/// Rows of what is due.
pub(crate) trait DueRows {
    /// Tasks of these kinds, with code that is offered, with `due_at` up to `now`; of more than `limit`, those due longest are among them.
    async fn due(&mut self, kinds: &[KindOffer], now: Timestamp, limit: usize) -> Result<Vec<DueTask>, StoreError>;
    /// The longest due tasks of these kinds of each of so many sessions, at most `each` of each priority: in turn behind `after`, and around.
    async fn round(
        &mut self,
        kinds: &[KindOffer],
        after: Option<u64>,
        now: Timestamp,
        sessions: usize,
        each: usize,
    ) -> Result<Vec<DueTask>, StoreError>;
    /// The turn of a session, if it has one: a number that stays.
    async fn turn_of(&mut self, session: &SessionId) -> Result<Option<u64>, StoreError>;
    /// The records of what was due, in this order. A store in which others write meanwhile leaves out what it cannot have now.
    async fn at_places(&mut self, due: &[DueTask]) -> Result<Vec<Read<Task>>, StoreError>;
    /// Keeps other claims from counting these kinds until this one is committed.
    async fn hold_kinds(&mut self, kinds: &[&str]) -> Result<(), StoreError>;
    /// How many tasks of a kind are at work, counted up to `most`.
    async fn at_work_of(&mut self, kind: &str, most: usize) -> Result<usize, StoreError>;
    /// How many tasks of sessions are at work, by their turns; those that are not named have none.
    async fn at_work_in(&mut self, turns: &[u64]) -> Result<HashMap<u64, usize>, StoreError>;
    /// The smallest `due_at` of these kinds with code that is offered that is later than `after`.
    async fn next_due(
        &mut self,
        kinds: &[KindOffer],
        after: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, StoreError>;
    /// How many tasks with code that is offered are due by kind, in the order of the kinds, up to `Backlog::COUNTED` for each
    /// code.
    async fn backlog(&mut self, kinds: &[KindOffer], now: Timestamp) -> Result<Vec<Backlog>, StoreError>;
}
