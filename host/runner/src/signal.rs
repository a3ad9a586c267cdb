//! A value that several may wait for. They are woken in the order in which they began to wait.
//! Does not choose whom to wake first, as tokio's `watch` does at random: no seed of a runner reaches that choice.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

struct Shared<T> {
    /// The value, and how often it has changed.
    value: Mutex<(T, u64)>,
    listeners: AtomicUsize,
    bell: Notify,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, (T, u64)> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the value and the number of its changes after each change, until something is found.
    async fn wait_for<R>(&self, find: impl Fn(&T, u64) -> Option<R>) -> R {
        loop {
            let mut rung = pin!(self.bell.notified());
            // Before the look: a change in between is not missed.
            rung.as_mut().enable();
            let found = {
                let value = self.lock();
                find(&value.0, value.1)
            };
            match found {
                Some(found) => return found,
                None => rung.await,
            }
        }
    }
}

/// The value, and who may change it. Clones share it.
pub(crate) struct Signal<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Signal<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> Signal<T> {
    pub(crate) fn new(value: T) -> Self {
        let shared = Shared { value: Mutex::new((value, 0)), listeners: AtomicUsize::new(0), bell: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Changes the value and wakes who waits, if the change says that it was one.
    pub(crate) fn change(&self, change: impl FnOnce(&mut T) -> bool) {
        let mut value = self.shared.lock();
        if change(&mut value.0) {
            value.1 += 1;
            drop(value);
            self.shared.bell.notify_waiters();
        }
    }

    /// Looks at the value.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.shared.lock().0)
    }

    /// Waits until something is found in the value.
    pub(crate) async fn wait_for<R>(&self, find: impl Fn(&T) -> Option<R>) -> R {
        self.shared.wait_for(|value, _| find(value)).await
    }

    /// Hears of changes from now on.
    pub(crate) fn listen(&self) -> Listener<T> {
        self.shared.listeners.fetch_add(1, SeqCst);
        Listener { seen: self.shared.lock().1, shared: self.shared.clone() }
    }

    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.shared.listeners.load(SeqCst) > 0
    }
}

impl Signal<bool> {
    /// Makes it true, for good.
    pub(crate) fn raise(&self) {
        self.change(|raised| !std::mem::replace(raised, true));
    }

    /// Waits until it is true.
    pub(crate) async fn raised(&self) {
        self.wait_for(|raised| raised.then_some(())).await;
    }
}

/// Hears that a value has changed.
pub(crate) struct Listener<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

impl<T> Listener<T> {
    /// Forgets changes that were made before now.
    pub(crate) fn catch_up(&mut self) {
        self.seen = self.shared.lock().1;
    }

    /// Waits for a change that this listener has not heard of. A dropped wait loses none.
    pub(crate) async fn changed(&mut self) {
        let seen = self.seen;
        self.seen = self.shared.wait_for(|_, changes| (changes != seen).then_some(changes)).await;
    }
}

impl<T> Drop for Listener<T> {
    fn drop(&mut self) {
        self.shared.listeners.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_first_is_woken_first_each_time() {
        for _ in 0..20 {
            let (signal, order) = (Signal::new(false), Arc::new(Mutex::new(Vec::new())));
            let mut waits = Vec::new();
            for number in 0..20 {
                let (signal, order) = (signal.clone(), order.clone());
                waits.push(tokio::spawn(async move {
                    signal.raised().await;
                    order.lock().unwrap().push(number);
                }));
            }
            // All of them wait by the time it is this task's turn again.
            tokio::task::yield_now().await;
            signal.raise();
            for wait in waits {
                wait.await.unwrap();
            }
            assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_change_before_the_wait_is_heard_once() {
        let signal = Signal::new(0);
        let mut listener = signal.listen();
        assert!(signal.is_heard());
        signal.change(|n| std::mem::replace(n, 1) == 0);
        listener.changed().await;
        assert!(futures::FutureExt::now_or_never(listener.changed()).is_none());
        signal.change(|_| false);
        assert!(futures::FutureExt::now_or_never(listener.changed()).is_none(), "what is no change is not heard");
        drop(listener);
        assert!(!signal.is_heard());
    }
}
