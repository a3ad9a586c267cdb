//! Which claims this process is working on.
//! Does not say what they do; it exists so that a claim whose reply was lost is found, and no other is run twice.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use taskwright_registry::{Task, TaskId};

type Claims = Arc<Mutex<HashSet<(TaskId, u32)>>>;

/// The claims at work.
#[derive(Default)]
pub(crate) struct AtWork(Claims);

/// Keeps a claim listed for as long as it lives.
pub(crate) struct Work {
    claims: Claims,
    key: (TaskId, u32),
}

impl AtWork {
    pub(crate) fn begin(&self, task: &Task) -> Work {
        let key = (task.id.clone(), task.dispatch.claim);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        Work { claims: self.0.clone(), key }
    }

    pub(crate) fn holds(&self, task: &Task) -> bool {
        let key = (task.id.clone(), task.dispatch.claim);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&key)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
