//! What can be looked up about records beside their id: names, keys, what is due, who holds what.
//! Does not hold records: it holds ids, and follows each record's change.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use taskwright_registry::{HostRef, Phase, SessionId, Task, TaskId, Timestamp};

/// The indexes.
#[derive(Debug, Default)]
pub(super) struct Index {
    live_names: HashMap<(SessionId, String), TaskId>,
    keys: HashMap<(SessionId, String), TaskId>,
    due: BTreeMap<String, BTreeSet<(Timestamp, u64, TaskId)>>,
    resident: HashMap<HostRef, BTreeSet<(u64, TaskId)>>,
}

impl Index {
    /// Forgets what `learn` has learnt about a record that is about to change. `place` is its place in order of creation.
    pub(super) fn forget(&mut self, task: &Task, place: u64) {
        if let Some(name) = task.name.as_ref().filter(|_| task.state.is_live()) {
            self.live_names.remove(&(task.session_id.clone(), name.clone()));
        }
        if let (Some(due_at), Some(due)) = (task.dispatch.due_at, self.due.get_mut(&task.kind)) {
            due.remove(&(due_at, place, task.id.clone()));
        }
        if let Some(host) = holder(task)
            && let Some(held) = self.resident.get_mut(host)
        {
            held.remove(&(place, task.id.clone()));
            if held.is_empty() {
                self.resident.remove(host);
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
        if let Some(due_at) = task.dispatch.due_at {
            self.due.entry(task.kind.clone()).or_default().insert((due_at, place, task.id.clone()));
        }
        if let Some(host) = holder(task) {
            self.resident.entry(host.clone()).or_default().insert((place, task.id.clone()));
        }
    }

    pub(super) fn by_key(&self, session: &SessionId, key: &str) -> Option<TaskId> {
        self.keys.get(&(session.clone(), key.to_owned())).cloned()
    }

    pub(super) fn by_live_name(&self, session: &SessionId, name: &str) -> Option<TaskId> {
        self.live_names.get(&(session.clone(), name.to_owned())).cloned()
    }

    pub(super) fn due(&self, kinds: &[String], now: Timestamp, limit: usize) -> Vec<TaskId> {
        let kinds: BTreeSet<&String> = kinds.iter().collect();
        let mut due: Vec<_> = kinds
            .into_iter()
            .filter_map(|kind| self.due.get(kind))
            .flat_map(|due| due.iter().take_while(|(due_at, ..)| *due_at <= now).take(limit))
            .collect();
        due.sort();
        due.into_iter().take(limit).map(|(.., id)| id.clone()).collect()
    }

    pub(super) fn next_due(&self, kinds: &[String]) -> Option<Timestamp> {
        kinds.iter().filter_map(|kind| self.due.get(kind)?.first()).map(|(due_at, ..)| *due_at).min()
    }

    pub(super) fn resident(&self, host: &HostRef) -> Vec<TaskId> {
        self.resident.get(host).into_iter().flatten().map(|(_, id)| id.clone()).collect()
    }
}

fn holder(task: &Task) -> Option<&HostRef> {
    task.dispatch.host.as_ref().filter(|_| task.dispatch.phase == Phase::Resident)
}
