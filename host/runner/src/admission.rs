//! Who may begin: places among the tasks at work, instances, and how both are shared out between sessions.
//! Does not choose tasks: the store does, by the turns that are given to it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskwright_registry::SessionId;
use taskwright_store::Turns;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::RunnerConfig;
use crate::signal::{Listener, Signal};

/// What one session holds, or may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Held {
    slots: usize,
    instances: usize,
}

#[derive(Default)]
struct Sessions {
    held: HashMap<SessionId, Held>,
    served_last: Option<SessionId>,
    /// Sessions to which the last claim gave as much as they had room for: they may have more that is due.
    limited: HashSet<SessionId>,
}

/// The places of one host.
pub(crate) struct Admission {
    slots: Arc<Semaphore>,
    instances: Arc<Semaphore>,
    most: Held,
    sessions: Mutex<Sessions>,
    /// A limited session has given something back.
    freed: Signal<()>,
}

/// A place for a task that is not chosen yet.
pub(crate) struct Permits {
    slot: OwnedSemaphorePermit,
    instance: OwnedSemaphorePermit,
}

/// What a quarter of the places is kept from: one session alone. Of fewer than four places each may have all.
fn share_of(places: usize) -> usize {
    places - places / 4
}

impl Admission {
    pub(crate) fn new(config: &RunnerConfig) -> Arc<Self> {
        let slots = config.slots.clamp(1, Semaphore::MAX_PERMITS);
        let instances = (config.sandbox.max_instances as usize).clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(slots)),
            instances: Arc::new(Semaphore::new(instances)),
            most: Held {
                slots: config.session_slots.unwrap_or_else(|| share_of(slots)).max(1),
                instances: share_of(instances),
            },
            sessions: Mutex::default(),
            freed: Signal::new(()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for one place.
    pub(crate) async fn permit(&self) -> Option<Permits> {
        let instance = self.instances.clone().acquire_owned().await.ok()?;
        // The semaphores are never closed.
        let slot = self.slots.clone().acquire_owned().await.ok()?;
        Some(Permits { slot, instance })
    }

    /// A further place, if there is one now.
    pub(crate) fn try_permit(&self) -> Option<Permits> {
        let instance = self.instances.clone().try_acquire_owned().ok()?;
        let slot = self.slots.clone().try_acquire_owned().ok()?;
        Some(Permits { slot, instance })
    }

    /// How the next claim is to be shared out.
    pub(crate) fn turns(&self) -> Turns {
        let sessions = self.lock();
        Turns {
            after: sessions.served_last.clone(),
            most: self.room(&Held::default()),
            room: sessions.held.iter().map(|(session, held)| (session.clone(), self.room(held))).collect(),
        }
    }

    /// Notes which sessions the last claim has limited: those that were given all that `turns` had room for. Says whether one of
    /// them has room again, because it gave something back while the claim was under way: then it is time for the next claim.
    /// From here on whatever a limited session gives back is signaled.
    pub(crate) fn limit(&self, turns: &Turns, given: &HashMap<SessionId, usize>) -> bool {
        let mut sessions = self.lock();
        let room_of = |session: &SessionId| turns.room.get(session).copied().unwrap_or(turns.most);
        let limited = turns.room.keys().chain(given.keys());
        let limited = limited.filter(|session| given.get(*session).copied().unwrap_or_default() >= room_of(session));
        sessions.limited = limited.cloned().collect();
        sessions.limited.iter().any(|session| {
            let held = sessions.held.get(session).copied().unwrap_or_default();
            self.room(&held) > 0
        })
    }

    /// How much more a session may be given that holds this.
    fn room(&self, held: &Held) -> usize {
        let slots = self.most.slots.saturating_sub(held.slots);
        slots.min(self.most.instances.saturating_sub(held.instances))
    }

    /// Hears from now on when a session that the last claim has limited gives something back.
    pub(crate) fn listen(&self) -> Listener<()> {
        self.freed.listen()
    }

    /// The place of a task that has been claimed.
    pub(crate) fn admit(self: &Arc<Self>, permits: Permits, session: &SessionId) -> (Slot, Resident) {
        let Permits { slot, instance } = permits;
        {
            let mut sessions = self.lock();
            let held = sessions.held.entry(session.clone()).or_default();
            held.slots += 1;
            held.instances += 1;
            sessions.served_last = Some(session.clone());
        }
        let (admission, session) = (self.clone(), session.clone());
        let held = Mutex::new(Some(slot));
        let resident = Resident { admission: admission.clone(), session: session.clone(), _permit: instance };
        (Slot { admission: Some(admission), session, held }, resident)
    }

    fn change(&self, session: &SessionId, change: impl FnOnce(&mut Held)) {
        let mut sessions = self.lock();
        let Some(held) = sessions.held.get_mut(session) else { return };
        change(held);
        if *held == Held::default() {
            sessions.held.remove(session);
        }
        let limited = sessions.limited.contains(session);
        drop(sessions);
        if limited {
            self.freed.change(|()| true);
        }
    }
}

/// A place among the tasks at work. It is given back while the task awaits input.
pub(crate) struct Slot {
    /// Where the place is; nowhere for work that is done elsewhere.
    admission: Option<Arc<Admission>>,
    session: SessionId,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Slot {
    /// For work that takes no place on this host, and waits for none.
    pub(crate) fn elsewhere(session: SessionId) -> Self {
        Self { admission: None, session, held: Mutex::default() }
    }

    fn given_back(&self) {
        if let Some(admission) = &self.admission {
            admission.change(&self.session, |held| held.slots = held.slots.saturating_sub(1));
        }
    }

    fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether it is held.
    pub(crate) fn is_held(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Gives it back, if it is held.
    pub(crate) fn release(&self) {
        if let Some(permit) = self.take() {
            drop(permit);
            self.given_back();
        }
    }

    /// Waits for a place, if none is held.
    pub(crate) async fn acquire(&self) {
        if self.held.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return;
        }
        let Some(admission) = &self.admission else { return };
        // The semaphore is never closed.
        let Ok(permit) = admission.slots.clone().acquire_owned().await else { return };
        admission.lock().held.entry(self.session.clone()).or_default().slots += 1;
        let second = self.held.lock().unwrap_or_else(PoisonError::into_inner).replace(permit);
        if let Some(second) = second {
            // Somebody else of the same task had waited for it as well.
            drop(second);
            self.given_back();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.release();
    }
}

/// A place among the instances, for as long as there is one.
pub(crate) struct Resident {
    admission: Arc<Admission>,
    session: SessionId,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.admission.change(&self.session, |held| held.instances = held.instances.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str) -> SessionId {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn one_session_leaves_a_quarter_of_the_places_to_others_and_gets_back_what_it_gives_back() {
        let admission = Admission::new(&RunnerConfig { slots: 8, ..RunnerConfig::default() });
        let (busy, other) = (session("busy"), session("other"));
        let mut held = Vec::new();
        for _ in 0..6 {
            held.push(admission.admit(admission.permit().await.unwrap(), &busy));
        }
        let turns = admission.turns();
        assert_eq!((turns.room.get(&busy), turns.room.get(&other), turns.most), (Some(&0), None, 6));
        assert_eq!(turns.after, Some(busy.clone()));
        assert!(!admission.limit(&turns, &HashMap::new()), "it has no room yet");
        let mut freed = admission.listen();
        held[0].0.release();
        freed.changed().await;
        assert_eq!(admission.turns().room.get(&busy), Some(&1));
        held[0].0.acquire().await;
        held[0].0.acquire().await;
        assert_eq!(admission.turns().room.get(&busy), Some(&0));
        // What is given back while a claim is under way is not forgotten by the end of the claim.
        held[1].0.release();
        assert!(admission.limit(&turns, &HashMap::new()));
        held.clear();
        assert!(admission.turns().room.is_empty(), "nothing is held and nothing remembered");
        assert_eq!((admission.slots.available_permits(), share_of(3)), (8, 3));
    }
}
