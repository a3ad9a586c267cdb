//! What can be looked up about sessions beside their id: their state, whether they are ending, who has opened them.
//! Does not hold records: it holds ids, and follows each record's change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use taskwright_registry::{SessionId, SessionRecord, SessionState, TaskId};

/// The indexes.
#[derive(Debug, Default)]
pub(super) struct SessionIndex {
    by_state: BTreeMap<SessionState, BTreeSet<SessionId>>,
    ending: BTreeSet<SessionId>,
    /// By the session and the task on whose behalf they were opened.
    opened_by: HashMap<(SessionId, TaskId), BTreeSet<SessionId>>,
}

fn opener(session: &SessionRecord) -> Option<(SessionId, TaskId)> {
    let owner = session.owner.as_ref()?;
    Some((owner.session_id.clone(), owner.task_id.clone()?))
}

impl SessionIndex {
    /// Learns a record as it is now.
    pub(super) fn learn(&mut self, session: &SessionRecord) {
        self.by_state.entry(session.state).or_default().insert(session.id.clone());
        if session.is_ending() {
            self.ending.insert(session.id.clone());
        }
        if let Some(opener) = opener(session) {
            self.opened_by.entry(opener).or_default().insert(session.id.clone());
        }
    }

    /// Forgets what `learn` has learnt about a record that is about to change or to go.
    pub(super) fn forget(&mut self, session: &SessionRecord) {
        if let Some(sessions) = self.by_state.get_mut(&session.state) {
            sessions.remove(&session.id);
        }
        self.ending.remove(&session.id);
        if let Some(opener) = opener(session)
            && let Some(sessions) = self.opened_by.get_mut(&opener)
        {
            sessions.remove(&session.id);
            if sessions.is_empty() {
                self.opened_by.remove(&opener);
            }
        }
    }

    /// The sessions of some states behind one, by id.
    pub(super) fn of_states(
        &self,
        states: &[SessionState],
        after: Option<&SessionId>,
        limit: usize,
    ) -> impl Iterator<Item = &SessionId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let of_state = |state| self.by_state.get(state).into_iter();
        let found: BTreeSet<&SessionId> = states
            .iter()
            .flat_map(of_state)
            .flat_map(|sessions| sessions.range::<SessionId, _>((from, Bound::Unbounded)).take(limit))
            .collect();
        found.into_iter().take(limit)
    }

    /// The sessions whose end is planned and not carried out, by id.
    pub(super) fn ending(&self) -> impl Iterator<Item = &SessionId> {
        self.ending.iter()
    }

    /// The sessions that were opened on behalf of a task, by id.
    pub(super) fn opened_by(&self, session: &SessionId, task: &TaskId) -> impl Iterator<Item = &SessionId> {
        self.opened_by.get(&(session.clone(), task.clone())).into_iter().flatten()
    }
}
