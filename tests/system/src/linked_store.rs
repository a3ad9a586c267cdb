//! A host's way to the store, as it is in the world: slow, lossy, and cut off at times.
//! Does not invent anything: the same seed and the same order of calls give the same delays and losses.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use taskwright_runner::store::{Store, StoreError};
use tokio::sync::Notify;

/// The longest that a call or a reply is on its way while the link is up.
const SLOWEST: Duration = Duration::from_millis(20);
/// How many calls of a thousand fail, and how many more lose their reply.
const FAIL: u32 = 5;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    /// What is on its way arrives when the link is up again: late writes.
    Held,
    /// Nothing arrives any more: the host is as good as dead.
    Cut,
}

struct Way {
    state: Mutex<State>,
    /// Wakes in the order of the waits, which tokio's `watch` does not.
    bell: Notify,
}

/// What a test does to a host's way to the store.
#[derive(Clone)]
pub struct Link(Arc<Way>);

impl Default for Link {
    fn default() -> Self {
        Self(Arc::new(Way { state: Mutex::new(State::Up), bell: Notify::new() }))
    }
}

impl Link {
    /// Keeps everything that is on its way until `release`.
    pub fn hold(&self) {
        self.set(State::Held);
    }

    /// Lets everything arrive that was held.
    pub fn release(&self) {
        self.set(State::Up);
    }

    /// Lets nothing arrive ever again.
    pub fn cut(&self) {
        self.set(State::Cut);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        let mut now = self.state();
        if *now != State::Cut {
            *now = state;
        }
        drop(now);
        self.0.bell.notify_waiters();
    }

    async fn up(&self) {
        loop {
            let mut rung = pin!(self.0.bell.notified());
            // Before the look: a change in between is not missed.
            rung.as_mut().enable();
            if *self.state() == State::Up {
                return;
            }
            rung.await;
        }
    }
}

/// The store as one host sees it.
pub struct LinkedStore {
    inner: Arc<dyn Store>,
    link: Link,
    random: Mutex<StdRng>,
}

impl LinkedStore {
    /// A way of its own to a store.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, link: Link, seed: u64) -> Self {
        Self { inner, link, random: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// How long the call and its reply are on their way, and what becomes of them.
    fn draw(&self) -> (Duration, Duration, u32) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let mut time = || random.random_range(Duration::ZERO..SLOWEST);
        (time(), time(), random.random_range(0..1_000))
    }

    async fn through<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let (there, back, fate) = self.draw();
        tokio::time::sleep(there).await;
        self.link.up().await;
        if fate < FAIL {
            return Err(StoreError::Unavailable { reason: format!("`{verb}` did not arrive") });
        }
        let reply = call.await;
        tokio::time::sleep(back).await;
        self.link.up().await;
        if fate < 2 * FAIL && reply.is_ok() {
            return Err(StoreError::Unknown { reason: format!("the reply to `{verb}` was lost") });
        }
        reply
    }
}

taskwright_runner::store::store_through!(LinkedStore);
