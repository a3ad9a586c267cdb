//! Which claims this process is working on.
//! Does not say what they do; it exists so that a claim whose reply was lost is found, and no other is run twice.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use taskwright_registry::{Task, TaskId};
use tokio::sync::watch;

/// The claims at work.
#[derive(Default)]
pub(crate) struct AtWork(Arc<Claims>);

struct Claims {
    at_work: Mutex<HashSet<(TaskId, u32)>>,
    /// How many there are.
    count: watch::Sender<usize>,
}

impl Default for Claims {
    fn default() -> Self {
        Self { at_work: Mutex::default(), count: watch::channel(0).0 }
    }
}

impl Claims {
    fn change<T>(&self, change: impl FnOnce(&mut HashSet<(TaskId, u32)>) -> T) -> T {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let given = change(&mut at_work);
        self.count.send_replace(at_work.len());
        given
    }
}

/// Keeps a claim listed for as long as it lives.
pub(crate) struct Work {
    claims: Arc<Claims>,
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
        self.0.at_work.lock().unwrap_or_else(PoisonError::into_inner).contains(&key)
    }

    /// Waits until nothing is at work.
    pub(crate) async fn nothing(&self) {
        // The sender lives as long as this.
        let _ = self.0.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.claims.change(|at_work| at_work.remove(&self.key));
    }
}
