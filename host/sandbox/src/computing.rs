//! Turns among the guests that compute and compute: as many of them at one time as there are cores, one after the other.
//! Does not touch guests that compute little: they find the runtime's threads free within a tick or two.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What an instance may compute before it has to stand in line with the others that do.
pub(crate) const FREE: Duration = Duration::from_millis(100);

/// The cores of this machine. Without this, a thousand guests that spin would all be in the runtime's queue, and each step of
/// everybody else would wait for a tick of every one of them.
static CORES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Arc::new(Semaphore::new(cores))
});

/// One instance's place in the line.
#[derive(Debug, Default)]
pub(crate) struct Computing(Mutex<Option<OwnedSemaphorePermit>>);

impl Computing {
    /// Lets the others have their turn and waits for the next one.
    pub(crate) async fn next_turn(&self) {
        self.release();
        tokio::task::yield_now().await;
        // The semaphore is fair, and never closed.
        let core = CORES.clone().acquire_owned().await.ok();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = core;
    }

    /// The instance has given its thread back.
    pub(crate) fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_had_a_turn_waits_until_all_others_have_had_one() {
        let cores = CORES.available_permits();
        let line: Vec<_> = (0..=cores).map(|_| Computing::default()).collect();
        let (last, first) = line.split_last().unwrap();
        for computing in first {
            computing.next_turn().await;
        }
        let waits = tokio::time::timeout(Duration::from_millis(20), last.next_turn()).await;
        assert!(waits.is_err(), "there is no core left");
        first[0].release();
        last.next_turn().await;
        drop(line);
        assert_eq!(CORES.available_permits(), cores);
    }
}
