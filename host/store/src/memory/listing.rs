//! The tasks of each session in the orders that lists walk along.
//! Does not hold records: it holds places in the order of creation, and follows each record's change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use taskwright_registry::{SessionId, State, Task};

use crate::walk::{SAME_BEGINNING, Walk};
use crate::{Hidden, Order, TaskFilter};

/// Places in the order of creation.
type Places = BTreeSet<u64>;

/// Tasks of the same visibility, kind and state.
type Group = (u8, String, State);

/// The text of an id, or its beginning with zeros behind it. Kept in place, because a look along texts that lie elsewhere takes
/// longer the more of them there are.
type Digits = [u8; ID_BYTES];

/// How long a task's id is.
const ID_BYTES: usize = "task_".len() + 32;

fn digits(text: &str) -> Option<Digits> {
    let mut digits = [0; ID_BYTES];
    digits.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    Some(digits)
}

/// The orders of all sessions.
#[derive(Debug, Default)]
pub(super) struct Listing {
    sessions: HashMap<SessionId, OfSession>,
}

/// The orders of one session.
#[derive(Debug, Default)]
struct OfSession {
    /// By visibility.
    all: [Places; 3],
    live: Places,
    groups: BTreeMap<Group, Places>,
    names: HashMap<String, Places>,
    live_names: HashMap<String, Places>,
    children: HashMap<String, Places>,
    live_children: HashMap<String, Places>,
    runs: HashMap<String, Places>,
    ids: BTreeMap<Digits, u64>,
}

fn group(task: &Task) -> Group {
    (Hidden::rank(task), task.kind.clone(), task.state)
}

/// Notes or strikes a place, and keeps no order of nothing.
fn set<K: Ord>(places: &mut BTreeMap<K, Places>, key: K, place: u64, there: bool) {
    let of_key = places.entry(key);
    if there {
        of_key.or_default().insert(place);
    } else if let std::collections::btree_map::Entry::Occupied(mut found) = of_key {
        found.get_mut().remove(&place);
        if found.get().is_empty() {
            found.remove();
        }
    }
}

fn set_named(places: &mut HashMap<String, Places>, key: Option<&String>, place: u64, there: bool) {
    let Some(key) = key else { return };
    if there {
        places.entry(key.clone()).or_default().insert(place);
    } else if let Some(found) = places.get_mut(key) {
        found.remove(&place);
        if found.is_empty() {
            places.remove(key);
        }
    }
}

impl OfSession {
    /// What changes with a task's state.
    fn set_state(&mut self, task: &Task, place: u64, there: bool) {
        set(&mut self.groups, group(task), place, there);
        if task.state.is_live() {
            set_named(&mut self.live_names, task.name.as_ref(), place, there);
            set_named(&mut self.live_children, task.parent.task_id.as_ref(), place, there);
            if there {
                self.live.insert(place)
            } else {
                self.live.remove(&place)
            };
        }
    }

    /// All of it.
    fn set_task(&mut self, task: &Task, place: u64, there: bool) {
        self.set_state(task, place, there);
        set_named(&mut self.names, task.name.as_ref(), place, there);
        set_named(&mut self.children, task.parent.task_id.as_ref(), place, there);
        set_named(&mut self.runs, task.parent.run_id.as_ref(), place, there);
        let all = &mut self.all[usize::from(Hidden::rank(task))];
        if there {
            all.insert(place)
        } else {
            all.remove(&place)
        };
        if let Some(digits) = digits(task.id.as_str()) {
            if there {
                self.ids.insert(digits, place)
            } else {
                self.ids.remove(&digits)
            };
        }
    }

    fn beginning(&self, text: &str) -> impl Iterator<Item = u64> {
        // Longer than any id: nothing begins so.
        let from = digits(text).into_iter().flat_map(|from| self.ids.range(from..));
        from.take_while(move |(id, _)| id.starts_with(text.as_bytes())).map(|(_, place)| *place)
    }

    /// The groups that a filter admits; there are as many as the session has kinds, times the states.
    fn groups_of(&self, filter: &TaskFilter) -> impl Iterator<Item = &Places> {
        self.groups
            .iter()
            .filter(|((hidden, kind, state), _)| {
                filter.hidden.ranks().contains(hidden)
                    && (filter.kinds.is_empty() || filter.kinds.contains(kind))
                    && (filter.states.is_empty() || filter.states.contains(state))
            })
            .map(|(_, places)| places)
    }
}

impl Listing {
    /// Learns a new task, or one that has moved here.
    pub(super) fn learn(&mut self, task: &Task, place: u64) {
        self.sessions.entry(task.session_id.clone()).or_default().set_task(task, place, true);
    }

    /// Follows a change within a session.
    pub(super) fn follow(&mut self, before: &Task, after: &Task, place: u64) {
        let Some(of_session) = self.sessions.get_mut(&before.session_id) else { return };
        if Hidden::rank(before) != Hidden::rank(after) {
            of_session.set_task(before, place, false);
            of_session.set_task(after, place, true);
        } else if before.state != after.state {
            of_session.set_state(before, place, false);
            of_session.set_state(after, place, true);
        }
    }

    /// Forgets a task that goes, or leaves its session.
    pub(super) fn forget(&mut self, task: &Task, place: u64) {
        if let Some(of_session) = self.sessions.get_mut(&task.session_id) {
            of_session.set_task(task, place, false);
            if of_session.ids.is_empty() {
                self.sessions.remove(&task.session_id);
            }
        }
    }

    /// The places of live tasks behind one.
    pub(super) fn live_after(&self, session: &SessionId, after: u64) -> impl Iterator<Item = u64> {
        let live = self.sessions.get(session).map(|of_session| &of_session.live);
        live.into_iter().flat_map(move |live| live.range(after.saturating_add(1)..)).copied()
    }

    /// The places of tasks that a filter may admit, by creation, behind one, at most so many that `admits` says yes to.
    pub(super) fn page(
        &self,
        session: &SessionId,
        filter: &TaskFilter,
        order: Order,
        after: Option<u64>,
        limit: usize,
        admits: impl Fn(u64) -> bool,
    ) -> Vec<u64> {
        let Some(of_session) = self.sessions.get(session) else { return Vec::new() };
        let begin_so: Option<Places> =
            filter.id_prefix.as_ref().map(|digits| of_session.beginning(digits).take(SAME_BEGINNING + 1).collect());
        let few = begin_so.as_ref().is_some_and(|places| places.len() <= SAME_BEGINNING);
        let mut page = Vec::new();
        let mut walk = |places: &Places| match order {
            Order::OldestFirst => {
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                page.extend(places.range((from, Bound::Unbounded)).copied().filter(|place| admits(*place)).take(limit));
            }
            Order::NewestFirst => {
                let to = after.map_or(Bound::Unbounded, Bound::Excluded);
                let back = places.range((Bound::Unbounded, to)).rev();
                page.extend(back.copied().filter(|place| admits(*place)).take(limit));
            }
        };
        let mut walk_one = |places: Option<&Places>| places.into_iter().for_each(&mut walk);
        match Walk::of(filter, few) {
            Walk::LiveName(name) => walk_one(of_session.live_names.get(name)),
            Walk::Name(name) => walk_one(of_session.names.get(name)),
            Walk::LiveChildren(parent) => walk_one(of_session.live_children.get(parent)),
            Walk::Children(parent) => walk_one(of_session.children.get(parent)),
            Walk::Run(run) => walk_one(of_session.runs.get(run)),
            Walk::Beginning(_) => walk_one(begin_so.as_ref()),
            Walk::All => filter.hidden.ranks().iter().for_each(|hidden| walk(&of_session.all[usize::from(*hidden)])),
            Walk::Groups => of_session.groups_of(filter).for_each(walk),
        }
        match order {
            Order::OldestFirst => page.sort_unstable(),
            Order::NewestFirst => page.sort_unstable_by(|one, other| other.cmp(one)),
        }
        page.truncate(limit);
        page
    }
}
