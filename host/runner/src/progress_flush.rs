//! Coalesces progress: the last value wins, and it is stored at a bounded rate.
//! Does not drop the last value: whoever ends the instance takes it along.

use std::sync::{Mutex, PoisonError};

use taskwright_registry::Progress;
use tokio::time::Instant;

#[derive(Default)]
struct Pending {
    value: Option<Progress>,
    scheduled: bool,
    last_write: Option<Instant>,
}

/// Progress that has been reported and not been stored.
#[derive(Default)]
pub(crate) struct ProgressFlush {
    pending: Mutex<Pending>,
    /// Held by whoever stores progress, so that an older value never follows a newer one.
    pub(crate) writing: tokio::sync::Mutex<()>,
}

impl ProgressFlush {
    /// Notes a value. Returns when it is to be stored, if nobody has been charged with that yet.
    pub(crate) fn note(&self, value: Progress, interval: std::time::Duration) -> Option<Instant> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.value = Some(value);
        if std::mem::replace(&mut pending.scheduled, true) {
            return None;
        }
        let now = Instant::now();
        Some(pending.last_write.map_or(now, |last| now.max(last + interval)))
    }

    /// It is not stored now, but with the next value that may be, or at the end. The caller holds `writing`.
    pub(crate) fn put_off(&self) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.scheduled = false;
        pending.last_write = Some(Instant::now());
    }

    /// Takes what is to be stored. The caller holds `writing`.
    pub(crate) fn take(&self) -> Option<Progress> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.scheduled = false;
        pending.last_write = Some(Instant::now());
        pending.value.take()
    }
}
