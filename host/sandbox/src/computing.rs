//! Turns among guests that compute and compute: as many at one time as there are cores, those first whose owner has computed
//! least. Does not touch owners whose guests compute little: they find the runtime's threads free within a tick or two.
//!
//! Without this, a thousand guests that spin would all be in the runtime's queue, and each step of everybody else, the renewal
//! of the host's lease included, would wait for a tick of every one of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};

/// What the guests of an owner may compute before they have to stand in line.
const FREE: Duration = Duration::from_millis(100);
/// How far an owner's guests can be beyond that: after so much, times `REGAINED`, they compute freely again.
const DEBT: Duration = Duration::from_secs(1);
/// In what part of the time that goes by they regain it. Ten owners at this rate fill two cores.
const REGAINED: u32 = 5;
/// From how many owners on those that nobody knows any more are forgotten.
const SWEEP_FROM: usize = 1_024;

/// The cores of this machine: several sandboxes share them.
static CORES: LazyLock<Arc<Line>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Arc::new(Line { cores, state: Mutex::default() })
});

/// A place in the line: who has computed least comes first, and of those who came first.
type Place = (Duration, u64);

#[derive(Debug)]
struct Owner {
    /// All that its guests have computed, or the least that others have where that is more: what was not used is not saved.
    computed: Duration,
    /// What they may compute without standing in line is `FREE` less this.
    owes: Duration,
    regained_at: Instant,
    instances: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Who has had to stand in line and computes now.
    running: usize,
    waiting: BTreeMap<Place, Waker>,
    places: u64,
    /// How much the owner had computed who was let go on last.
    floor: Duration,
    owners: HashMap<Arc<str>, Owner>,
}

#[derive(Debug)]
struct Line {
    cores: usize,
    state: Mutex<State>,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn join(&mut self, owner: &Arc<str>, now: Instant) {
        if self.owners.len() >= SWEEP_FROM {
            self.owners.retain(|_, owner| owner.instances > 0 || now < owner.regained_at + (FREE + DEBT) * REGAINED);
        }
        let floor = self.floor;
        let fresh = || Owner { computed: floor, owes: Duration::ZERO, regained_at: now, instances: 0 };
        self.owners.entry(owner.clone()).or_insert_with(fresh).instances += 1;
    }

    fn give_back(&mut self, cores: usize) {
        self.running -= 1;
        self.go_on(cores);
    }

    /// Lets those go on who have waited, as far as there is room.
    fn go_on(&mut self, cores: usize) {
        while self.running < cores
            && let Some(((computed, _), waker)) = self.waiting.pop_first()
        {
            self.running += 1;
            self.floor = self.floor.max(computed);
            waker.wake();
        }
    }
}

#[derive(Debug, Default)]
enum Standing {
    /// Not in line, and not one of those that count as computing.
    #[default]
    Free,
    /// In line, or let go on since.
    Waiting(Place),
    /// One of those that compute.
    Running,
}

/// What one instance has to do with the line.
#[derive(Debug)]
pub(crate) struct Computing {
    line: Arc<Line>,
    owner: Arc<str>,
    standing: Mutex<Standing>,
}

impl Computing {
    /// For an instance of an owner's; one that has none stands for itself.
    pub(crate) fn new(owner: Option<&str>) -> Self {
        Self::in_line(CORES.clone(), owner, Instant::now())
    }

    fn in_line(line: Arc<Line>, owner: Option<&str>, now: Instant) -> Self {
        let mut state = line.lock();
        let owner = owner.map_or_else(
            || {
                state.places += 1;
                Arc::from(format!("\0{}", state.places))
            },
            Arc::from,
        );
        state.join(&owner, now);
        drop(state);
        Self { line, owner, standing: Mutex::default() }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when the instance may compute until its next tick.
    pub(crate) fn poll_turn(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_turn_at(context, Instant::now())
    }

    fn poll_turn_at(&self, context: &mut Context<'_>, now: Instant) -> Poll<()> {
        let mut standing = self.standing();
        let mut state = self.line.lock();
        match *standing {
            Standing::Running => return Poll::Ready(()),
            Standing::Waiting(place) => {
                return match state.waiting.get_mut(&place) {
                    Some(waker) => {
                        waker.clone_from(context.waker());
                        Poll::Pending
                    }
                    None => {
                        *standing = Standing::Running;
                        Poll::Ready(())
                    }
                };
            }
            Standing::Free => {}
        }
        let floor = state.floor;
        let Some(owner) = state.owners.get_mut(&self.owner) else { return Poll::Ready(()) };
        let regained = now.saturating_duration_since(owner.regained_at) / REGAINED;
        owner.owes = owner.owes.saturating_sub(regained);
        owner.regained_at = owner.regained_at.max(now);
        if owner.owes < FREE {
            return Poll::Ready(());
        }
        let computed = owner.computed.max(floor);
        owner.computed = computed;
        if state.running < self.line.cores && state.waiting.is_empty() {
            state.running += 1;
            *standing = Standing::Running;
            return Poll::Ready(());
        }
        state.places += 1;
        let place = (computed, state.places);
        state.waiting.insert(place, context.waker().clone());
        *standing = Standing::Waiting(place);
        Poll::Pending
    }

    /// Lets the instance compute: where it has stood in line, beside the runtime's threads and not on one of them.
    /// Those that spin would keep all of them, and the operating system shares out cores better than a queue does.
    pub(crate) fn beside<T>(&self, compute: impl FnOnce() -> T) -> T {
        let much = matches!(*self.standing(), Standing::Running);
        let threads = Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        if much && threads { tokio::task::block_in_place(compute) } else { compute() }
    }

    /// The instance has computed for so long and gives its core to others.
    pub(crate) fn release(&self, computed: Duration) {
        let mut standing = self.standing();
        let mut state = self.line.lock();
        if let Some(owner) = state.owners.get_mut(&self.owner) {
            owner.computed = owner.computed.saturating_add(computed);
            owner.owes = (owner.owes + computed).min(FREE + DEBT);
        }
        if matches!(*standing, Standing::Running) {
            *standing = Standing::Free;
            state.give_back(self.line.cores);
        }
    }
}

impl Drop for Computing {
    fn drop(&mut self) {
        let standing = std::mem::take(&mut *self.standing());
        let mut state = self.line.lock();
        match standing {
            Standing::Free => {}
            Standing::Waiting(place) if state.waiting.remove(&place).is_some() => {}
            // It was let go on and has not noticed, or computes.
            Standing::Waiting(_) | Standing::Running => state.give_back(self.line.cores),
        }
        if let Some(owner) = state.owners.get_mut(&self.owner) {
            owner.instances -= 1;
            if owner.instances == 0 && self.owner.starts_with('\0') {
                state.owners.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(of: &Computing, now: Instant) -> bool {
        of.poll_turn_at(&mut Context::from_waker(Waker::noop()), now).is_ready()
    }

    #[test]
    fn an_owner_that_has_computed_little_never_waits_and_one_that_spins_does() {
        let (line, now) = (Arc::new(Line { cores: 2, state: Mutex::default() }), Instant::now());
        let spinning: Vec<_> = (0..50).map(|_| Computing::in_line(line.clone(), Some("spins"), now)).collect();
        // Each finds the way free, until the first few have used up what their owner may compute.
        let mut ran = 0;
        for computing in &spinning {
            if poll(computing, now) {
                computing.release(Duration::from_millis(25));
                ran += 1;
            }
        }
        assert_eq!(ran, 4 + 46, "nobody computes at one time with another here");
        let (first, rest) = spinning.split_at(2);
        assert!(first.iter().all(|computing| poll(computing, now)), "there are two cores");
        assert!(rest.iter().all(|computing| !poll(computing, now)), "they are both in use");
        let honest = Computing::in_line(line.clone(), Some("honest"), now);
        assert!(poll(&honest, now));
        honest.release(Duration::from_millis(1));
        assert!(poll(&honest, now));
        honest.release(Duration::from_millis(200));
        assert!(!poll(&honest, now), "now it has to stand in line as well");
        first[0].release(Duration::from_millis(10));
        assert!(poll(&honest, now), "but before those whose owner has computed more");
        assert!(!poll(&rest[0], now));
        honest.release(Duration::ZERO);
        assert!(poll(&rest[0], now), "who came first is next");
        assert!(!poll(&rest[1], now));
        drop(spinning);
        drop(honest);
        let state = line.lock();
        assert_eq!((state.running, state.waiting.len()), (0, 0));
    }

    #[test]
    fn what_an_owner_may_compute_comes_back_in_time_and_is_not_saved_up() {
        let (line, now) = (Arc::new(Line { cores: 1, state: Mutex::default() }), Instant::now());
        let one = Computing::in_line(line.clone(), Some("one"), now);
        let other = Computing::in_line(line.clone(), Some("other"), now);
        for computing in [&one, &other] {
            assert!(poll(computing, now));
            computing.release(FREE);
        }
        assert!(poll(&one, now), "the core is free");
        assert!(!poll(&other, now));
        one.release(Duration::ZERO);
        assert!(poll(&other, now));
        other.release(Duration::ZERO);
        let later = now + Duration::from_secs(3_600);
        assert!(poll(&one, later));
        one.release(FREE);
        assert!(poll(&other, later) && poll(&one, later), "one stands in line again and finds the core free");
        drop(other);
    }
}
