//! Which claims this process is working on.
//! Does not say what they do; it exists so that a claim whose reply was lost is found, and no other is run twice.

use std::collections::HashSet;

use taskwright_registry::{Task, TaskId};

use crate::signal::Signal;

/// The claims at work.
pub(crate) struct AtWork(Signal<HashSet<(TaskId, u32)>>);

impl Default for AtWork {
    fn default() -> Self {
        Self(Signal::new(HashSet::new()))
    }
}

/// Keeps a claim listed for as long as it lives.
pub(crate) struct Work {
    claims: Signal<HashSet<(TaskId, u32)>>,
    key: (TaskId, u32),
}

impl AtWork {
    pub(crate) fn begin(&self, task: &Task) -> Work {
        let key = (task.id.clone(), task.dispatch.claim);
        self.0.change(|at_work| at_work.insert(key.clone()));
        Work { claims: self.0.clone(), key }
    }

    pub(crate) fn holds(&self, task: &Task) -> bool {
        let key = (task.id.clone(), task.dispatch.claim);
        self.0.look(|at_work| at_work.contains(&key))
    }

    /// Waits until nothing is at work.
    pub(crate) async fn nothing(&self) {
        self.0.wait_for(|at_work| at_work.is_empty().then_some(())).await;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.claims.change(|at_work| at_work.remove(&self.key));
    }
}
