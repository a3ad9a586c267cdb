//! What can be looked up about records beside their id: names, keys, what is due, who holds what.
//! Does not hold records: it holds ids, and follows each record's change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::ops::Bound;

use taskwright_registry::{HostRef, Phase, Priority, SessionId, State, Task, TaskId, Timestamp};

use crate::due_key::{self, Range};
use crate::{Backlog, CodeInUse, FinishedPlace, KindOffer};

/// A kind and the code that its task goes on with.
type Code = (String, Option<String>);

/// Due tasks, by their keys and their places in order of creation.
type Due = BTreeMap<(i64, u64), TaskId>;

/// A due task: its time, its place in order of creation, and which.
type DueAt = (Timestamp, u64, TaskId);

/// What stands in these ranges, in the order of each.
fn within(due: &Due, ranges: [Range; 2]) -> impl Iterator<Item = impl Iterator<Item = DueAt> + Clone> {
    ranges.into_iter().map(|(first, last)| {
        let here = (first <= last).then(|| due.range((first, 0)..=(last, u64::MAX)));
        here.into_iter().flatten().map(|((key, place), id)| (due_key::time_of(*key), *place, id.clone()))
    })
}

/// Due tasks of one session, by their priorities.
type DueOfSession = BTreeMap<Priority, Due>;

/// The indexes.
#[derive(Debug, Default)]
pub(super) struct Index {
    live_names: HashMap<(SessionId, String), TaskId>,
    keys: HashMap<(SessionId, String), TaskId>,
    due: BTreeMap<Code, Due>,
    /// The same by the turns of their sessions.
    due_by_turn: BTreeMap<Code, BTreeMap<u64, DueOfSession>>,
    /// What is due, by place in order of creation.
    due_places: HashMap<u64, TaskId>,
    /// The turn of each session, in the order in which they began.
    turns: HashMap<SessionId, u64>,
    turns_given: u64,
    /// How many live tasks there are of a kind and a code.
    code: BTreeMap<Code, u64>,
    resident: HashMap<HostRef, BTreeSet<(u64, TaskId)>>,
    /// How many tasks are at work, by session and by kind.
    at_work: HashMap<SessionId, usize>,
    at_work_of: HashMap<String, usize>,
    finished: BTreeMap<FinishedPlace, TaskId>,
    /// Tasks whose work is done elsewhere: whose cancel waits to be told, and when a host is to end which.
    external_cancels: BTreeMap<u64, TaskId>,
    external_ends: BTreeSet<(Timestamp, u64, TaskId)>,
    /// By the parent, as its child names it.
    children: HashMap<(SessionId, String), BTreeSet<u64>>,
}

impl Index {
    /// Forgets what `learn` has learnt about a record that is about to change. `place` is its place in order of creation.
    pub(super) fn forget(&mut self, task: &Task, place: u64) {
        if let Some(name) = task.name.as_ref().filter(|_| task.state.is_live()) {
            self.live_names.remove(&(task.session_id.clone(), name.clone()));
        }
        let code = code(task);
        if let (Some(key), Some(due)) = (due_key::key(task), self.due.get_mut(&code)) {
            let entry = (key, place);
            due.remove(&entry);
            if due.is_empty() {
                self.due.remove(&code);
            }
            self.due_places.remove(&place);
            let turn = self.turn(&task.session_id);
            if let Some(turns) = self.due_by_turn.get_mut(&code)
                && let Some(priorities) = turns.get_mut(&turn)
            {
                if let Some(due) = priorities.get_mut(&task.priority) {
                    due.remove(&entry);
                }
                priorities.retain(|_, due| !due.is_empty());
                if priorities.is_empty() {
                    turns.remove(&turn);
                }
                if turns.is_empty() {
                    self.due_by_turn.remove(&code);
                }
            }
        }
        if task.state.is_live()
            && let Some(tasks) = self.code.get_mut(&code)
        {
            *tasks -= 1;
            if *tasks == 0 {
                self.code.remove(&code);
            }
        }
        if let Some(host) = holder(task)
            && let Some(held) = self.resident.get_mut(host)
        {
            held.remove(&(place, task.id.clone()));
            if held.is_empty() {
                self.resident.remove(host);
            }
        }
        if is_at_work(task) {
            one_less(&mut self.at_work, &task.session_id);
            one_less(&mut self.at_work_of, &task.kind);
        }
        if let Some(at) = task.finished_at {
            self.finished.remove(&FinishedPlace { at, place });
        }
        if task.external_cancel_waits() {
            self.external_cancels.remove(&place);
        }
        if let Some(at) = task.external_ends_at() {
            self.external_ends.remove(&(at, place, task.id.clone()));
        }
    }

    /// Forgets a record that is about to be removed, with what outlives its changes.
    pub(super) fn remove(&mut self, task: &Task, place: u64) {
        self.forget(task, place);
        if let Some(key) = &task.idempotency_key {
            self.keys.remove(&(task.session_id.clone(), key.clone()));
        }
        if let Some(parent) = &task.parent.task_id {
            let of = (task.session_id.clone(), parent.clone());
            if let Some(children) = self.children.get_mut(&of) {
                children.remove(&place);
                if children.is_empty() {
                    self.children.remove(&of);
                }
            }
        }
    }

    /// Learns a record as it is now.
    pub(super) fn learn(&mut self, task: &Task, place: u64) {
        if let Some(name) = task.name.as_ref().filter(|_| task.state.is_live()) {
            self.live_names.insert((task.session_id.clone(), name.clone()), task.id.clone());
        }
        if let Some(key) = &task.idempotency_key {
            self.keys.insert((task.session_id.clone(), key.clone()), task.id.clone());
        }
        if let Some(key) = due_key::key(task) {
            self.due_places.insert(place, task.id.clone());
            self.due.entry(code(task)).or_default().insert((key, place), task.id.clone());
            let turn = self.turn(&task.session_id);
            let of_session = self.due_by_turn.entry(code(task)).or_default().entry(turn).or_default();
            of_session.entry(task.priority).or_default().insert((key, place), task.id.clone());
        }
        if task.state.is_live() {
            *self.code.entry(code(task)).or_default() += 1;
        }
        if let Some(host) = holder(task) {
            self.resident.entry(host.clone()).or_default().insert((place, task.id.clone()));
        }
        if is_at_work(task) {
            *self.at_work.entry(task.session_id.clone()).or_default() += 1;
            *self.at_work_of.entry(task.kind.clone()).or_default() += 1;
        }
        if let Some(at) = task.finished_at {
            self.finished.insert(FinishedPlace { at, place }, task.id.clone());
        }
        if task.external_cancel_waits() {
            self.external_cancels.insert(place, task.id.clone());
        }
        if let Some(at) = task.external_ends_at() {
            self.external_ends.insert((at, place, task.id.clone()));
        }
        if let Some(parent) = &task.parent.task_id {
            self.children.entry((task.session_id.clone(), parent.clone())).or_default().insert(place);
        }
    }

    /// Tasks whose cancel waits to be told elsewhere, behind a place in order of creation.
    pub(super) fn external_cancels(&self, after: u64, limit: usize) -> Vec<(u64, TaskId)> {
        let behind = self.external_cancels.range((Bound::Excluded(after), Bound::Unbounded));
        behind.take(limit).map(|(place, id)| (*place, id.clone())).collect()
    }

    /// Tasks whose work is done elsewhere and that were to be ended by now.
    pub(super) fn external_overdue(&self, now: Timestamp, limit: usize) -> Vec<TaskId> {
        let overdue = self.external_ends.iter().take_while(|(at, _, _)| *at <= now);
        overdue.take(limit).map(|(_, _, id)| id.clone()).collect()
    }

    /// Forgets a session that has no task any more.
    pub(super) fn forget_session(&mut self, session: &SessionId) {
        self.turns.remove(session);
    }

    pub(super) fn turn(&mut self, session: &SessionId) -> u64 {
        if let Some(turn) = self.turns.get(session) {
            return *turn;
        }
        let turn = self.turns_given;
        self.turns_given += 1;
        self.turns.insert(session.clone(), turn);
        turn
    }

    pub(super) fn turn_of(&self, session: &SessionId) -> Option<u64> {
        self.turns.get(session).copied()
    }

    pub(super) fn at_place(&self, place: u64) -> Option<&TaskId> {
        self.due_places.get(&place)
    }

    pub(super) fn by_key(&self, session: &SessionId, key: &str) -> Option<TaskId> {
        self.keys.get(&(session.clone(), key.to_owned())).cloned()
    }

    pub(super) fn by_live_name(&self, session: &SessionId, name: &str) -> Option<TaskId> {
        self.live_names.get(&(session.clone(), name.to_owned())).cloned()
    }

    pub(super) fn due(&self, kinds: &[KindOffer], now: Timestamp, limit: usize) -> Vec<(Timestamp, u64, TaskId)> {
        let mut due: Vec<_> = offered(kinds)
            .iter()
            .filter_map(|code| self.due.get(code))
            .flat_map(|due| within(due, due_key::due(now)).flat_map(|due| due.take(limit)))
            .collect();
        due.sort();
        due.truncate(limit);
        due
    }

    pub(super) fn backlog(&self, kinds: &[KindOffer], now: Timestamp) -> Vec<Backlog> {
        let counted = Backlog::COUNTED as usize;
        let of_kind = |offer: &KindOffer| {
            let due = offered(std::slice::from_ref(offer));
            let due = due.iter().filter_map(|code| self.due.get(code));
            let (mut count, mut oldest) = (0, None);
            for due in due {
                for mut in_time in within(due, due_key::due(now)) {
                    count += in_time.clone().take(counted).count();
                    oldest = oldest.into_iter().chain(in_time.next().map(|(due_at, ..)| due_at)).min();
                }
            }
            Backlog { kind: offer.kind.clone(), due: count.min(counted) as u64, oldest }
        };
        kinds.iter().map(of_kind).collect()
    }

    pub(super) fn code_in_use(&self) -> Vec<CodeInUse> {
        let in_use =
            |((kind, code), tasks): (&Code, &u64)| CodeInUse { kind: kind.clone(), code: code.clone(), tasks: *tasks };
        self.code.iter().map(in_use).collect()
    }

    /// Where a task of these kinds is due at some time, behind a turn.
    pub(super) fn next_turn(&self, kinds: &[KindOffer], after: Option<u64>) -> Option<u64> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let of_code = |code: &Code| self.due_by_turn.get(code)?.range((from, Bound::Unbounded)).next();
        offered(kinds).iter().filter_map(of_code).map(|(turn, _)| *turn).min()
    }

    pub(super) fn due_in_turn(
        &self,
        turn: u64,
        kinds: &[KindOffer],
        now: Timestamp,
        limit: usize,
    ) -> Vec<(Timestamp, u64, TaskId)> {
        let of_code = |code: &Code| self.due_by_turn.get(code)?.get(&turn);
        let in_time =
            |due: &Due| within(due, due_key::due(now)).flat_map(|due| due.take(limit)).collect::<Vec<DueAt>>();
        offered(kinds).iter().filter_map(of_code).flat_map(BTreeMap::values).flat_map(in_time).collect()
    }

    pub(super) fn next_due(&self, kinds: &[KindOffer], after: Option<Timestamp>) -> Option<Timestamp> {
        let later = |due: &Due| {
            within(due, due_key::later(after)).filter_map(|mut due| due.next().map(|(due_at, ..)| due_at)).min()
        };
        offered(kinds).iter().filter_map(|code| later(self.due.get(code)?)).min()
    }

    pub(super) fn at_work_of(&self, kind: &str) -> usize {
        self.at_work_of.get(kind).copied().unwrap_or_default()
    }

    pub(super) fn at_work_in(&self, turns: &[u64]) -> HashMap<u64, usize> {
        let turn = |(session, tasks): (&SessionId, &usize)| Some((self.turn_of(session)?, *tasks));
        self.at_work.iter().filter_map(turn).filter(|(turn, _)| turns.contains(turn)).collect()
    }

    pub(super) fn resident(&self, host: &HostRef) -> Vec<TaskId> {
        self.resident.get(host).into_iter().flatten().map(|(_, id)| id.clone()).collect()
    }

    pub(super) fn resident_count(&self, host: &HostRef) -> u64 {
        self.resident.get(host).map_or(0, |held| held.len() as u64)
    }

    pub(super) fn resident_after(&self, host: &HostRef, after: u64, limit: usize) -> Vec<(u64, TaskId)> {
        let held = self.resident.get(host).into_iter().flatten();
        held.filter(|(place, _)| *place > after).take(limit).cloned().collect()
    }

    /// By their end, those that ended before `before`, behind a place.
    pub(super) fn finished_before(
        &self,
        before: Timestamp,
        after: Option<FinishedPlace>,
    ) -> impl Iterator<Item = (FinishedPlace, &TaskId)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.finished
            .range((from, Bound::Unbounded))
            .take_while(move |(place, _)| place.at < before)
            .map(|(place, id)| (*place, id))
    }

    pub(super) fn has_children(&self, session: &SessionId, id: &TaskId) -> bool {
        self.children.contains_key(&(session.clone(), id.to_string()))
    }
}

fn holder(task: &Task) -> Option<&HostRef> {
    task.dispatch.host.as_ref().filter(|_| task.dispatch.phase == Phase::Resident)
}

/// Whether a task takes a place among those of all hosts.
fn is_at_work(task: &Task) -> bool {
    holder(task).is_some() && task.state == State::Running
}

fn one_less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Where a task is found by its code.
fn code(task: &Task) -> Code {
    (task.kind.clone(), task.dispatch.code.clone())
}

fn offered(kinds: &[KindOffer]) -> BTreeSet<Code> {
    let one = |offer: &KindOffer| -> Vec<_> {
        offer.codes().map(|code| (offer.kind.clone(), code.map(str::to_owned))).collect()
    };
    kinds.iter().flat_map(one).collect()
}
