//! How often an instance may have files brought to the disk, and how many of a session's are on their way at one time.
//! Does not refuse anything: who asks too often is made to wait, for a disk serves everybody.

use std::time::Duration;

use tokio::time::Instant;

use crate::shared_pool::{PoolShare, Taken};

/// How many each instance may have at once, and how many in each second after that. A database that commits as it goes needs two
/// for each of its transactions.
const BURST: f64 = 40.0;
const PER_SECOND: f64 = 20.0;
/// How long one waits for its turn at most. Then it goes ahead: a disk that is this slow is not saved by waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of one instance.
#[derive(Debug)]
pub(super) struct SyncPace {
    share: PoolShare,
    left: f64,
    filled: Instant,
}

impl SyncPace {
    pub(super) fn new(share: PoolShare) -> Self {
        Self { share, left: BURST, filled: Instant::now() }
    }

    /// Counts one. Returns how long to wait before it.
    fn count(&mut self, now: Instant) -> Duration {
        let fresh = now.duration_since(self.filled).as_secs_f64() * PER_SECOND;
        self.left = (self.left + fresh).min(BURST) - 1.0;
        self.filled = now;
        Duration::from_secs_f64((-self.left / PER_SECOND).max(0.0))
    }

    /// Waits for a turn, which lasts until what is returned is dropped.
    pub(super) async fn turn(&mut self) -> Option<Taken> {
        let wait = self.count(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        self.share.take_by(1, Instant::now() + PATIENCE).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared_pool::SharedPool;

    #[test]
    fn who_syncs_too_often_waits() {
        let mut pace = SyncPace::new(SharedPool::new(4).share(None));
        let now = pace.filled;
        for _ in 0..40 {
            assert_eq!(pace.count(now), Duration::ZERO);
        }
        assert_eq!(pace.count(now), Duration::from_millis(50));
        assert_eq!(pace.count(now), Duration::from_millis(100));
        assert_eq!(pace.count(now + Duration::from_secs(10)), Duration::ZERO);
    }
}
