//! Which way through the tasks of a session finds the next page of a list soonest.
//! Does not walk: each store does, along an order that it keeps for this.

use taskwright_registry::State;

use crate::TaskFilter;

/// The most tasks with a common beginning of their ids that are looked at one by one. A beginning that more tasks share, of
/// all sessions, is no way to find few of them.
pub(crate) const SAME_BEGINNING: usize = 1_000;

/// A way. What it leads past is in the order of creation, and still has to pass the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk<'f> {
    /// The one live task of a name.
    LiveName(&'f str),
    /// All tasks that have had a name.
    Name(&'f str),
    /// The live children of a task.
    LiveChildren(&'f str),
    /// The children of a task.
    Children(&'f str),
    /// What was created in a run.
    Run(&'f str),
    /// What begins with the same digits.
    Beginning(&'f str),
    /// Groups of tasks of the same visibility, kind and state: those that the filter admits.
    Groups,
    /// All tasks of the same visibility.
    All,
}

impl<'f> Walk<'f> {
    /// The way for a filter. `beginning` says whether few enough tasks share the beginning of an id.
    pub(crate) fn of(filter: &'f TaskFilter, beginning: bool) -> Self {
        let live = only_live(filter);
        if let Some(name) = &filter.name {
            return if live { Walk::LiveName(name) } else { Walk::Name(name) };
        }
        if let Some(digits) = filter.id_prefix.as_ref().filter(|_| beginning) {
            return Walk::Beginning(digits);
        }
        if let Some(parent) = &filter.parent_task_id {
            return if live { Walk::LiveChildren(parent) } else { Walk::Children(parent) };
        }
        if let Some(run) = &filter.run_id {
            return Walk::Run(run);
        }
        if filter.kinds.is_empty() && filter.states.is_empty() { Walk::All } else { Walk::Groups }
    }
}

/// Whether a filter admits live tasks alone.
fn only_live(filter: &TaskFilter) -> bool {
    !filter.states.is_empty() && filter.states.iter().all(|state| state.is_live())
}

/// The states of the groups that a filter admits, each once.
pub(crate) fn states(filter: &TaskFilter) -> Vec<State> {
    State::ALL.into_iter().filter(|state| filter.states.is_empty() || filter.states.contains(state)).collect()
}
