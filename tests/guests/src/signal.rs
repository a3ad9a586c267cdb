//! Lets one call into a guest wake another one that is suspended.
//! Does not queue: the last value wins.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// A value that one call waits for and another one sets.
pub struct Signal<T> {
    state: RefCell<(Option<T>, Option<Waker>)>,
}

impl<T> Signal<T> {
    /// Nothing is set, nobody waits.
    pub const fn new() -> Self {
        Self { state: RefCell::new((None, None)) }
    }

    /// Sets the value and wakes who waits for it.
    pub fn set(&self, value: T) {
        let waker = {
            let mut state = self.state.borrow_mut();
            state.0 = Some(value);
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Suspends until there is a value, and takes it.
    pub async fn wait(&self) -> T {
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            match state.0.take() {
                Some(value) => Poll::Ready(value),
                None => {
                    state.1 = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A future that never ends and that nobody wakes.
pub async fn forever() {
    std::future::pending().await
}
