//! Whether the work of an instance has returned, and which calls beside it the guest had begun by then.
//! Does not make the calls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The work of one instance: `start` or `reconcile`.
///
/// A call that is handed to the engine waits there until the guest has come to a stop, and cannot be taken back. If the work
/// returns first, the guest begins with the call when nobody is there any more whom it could tell anything. Whatever it
/// answers then, the call counts as not made.
#[derive(Debug)]
pub(crate) struct Work<A>(Mutex<State<A>>);

#[derive(Debug)]
struct State<A> {
    returned: bool,
    /// Calls that the guest may not have begun.
    on_the_way: Vec<Arc<Beside<A>>>,
}

/// A call beside the work.
#[derive(Debug)]
pub(crate) struct Beside<A> {
    /// Gone as soon as the guest has been given it.
    argument: Weak<A>,
    late: AtomicBool,
}

impl<A> Beside<A> {
    /// Whether the work had returned by the time that the guest began with the call.
    pub(crate) fn was_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }
}

impl<A> Default for Work<A> {
    fn default() -> Self {
        Self(Mutex::new(State { returned: false, on_the_way: Vec::new() }))
    }
}

impl<A> Work<A> {
    fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is called.
    pub(crate) fn begin(&self) {
        self.lock().returned = false;
    }

    /// A call beside it is to be made, with an argument that nobody keeps but the engine; nothing if the work has returned.
    pub(crate) fn beside(&self, argument: &Arc<A>) -> Option<Arc<Beside<A>>> {
        let mut state = self.lock();
        if state.returned {
            return None;
        }
        state.on_the_way.retain(|call| call.argument.strong_count() > 0);
        let call = Arc::new(Beside { argument: Arc::downgrade(argument), late: AtomicBool::new(false) });
        state.on_the_way.push(call.clone());
        Some(call)
    }

    /// It has returned. To be called before the guest does anything else.
    pub(crate) fn has_returned(&self) {
        let mut state = self.lock();
        state.returned = true;
        for call in state.on_the_way.drain(..) {
            call.late.store(call.argument.strong_count() > 0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_late_if_the_guest_has_not_got_its_argument_when_the_work_returns() {
        let work = Work::default();
        work.begin();
        let (begun, waits) = (Arc::new(1), Arc::new(2));
        let (first, second) = (work.beside(&begun).unwrap(), work.beside(&waits).unwrap());
        drop(begun);
        work.has_returned();
        assert!(!first.was_late() && second.was_late());
        drop(waits);
        assert!(second.was_late(), "it is begun for nobody");
        assert!(work.beside(&Arc::new(3)).is_none());
        work.begin();
        assert!(work.beside(&Arc::new(4)).is_some());
    }
}
