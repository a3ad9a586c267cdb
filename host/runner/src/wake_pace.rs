//! When one session may be woken next: a rate with a burst, and a pause after failures.
//! Does not look at a clock: whoever asks says what time it is.

use std::time::Duration;

use tokio::time::Instant;

use crate::WakerConfig;

/// The pace of one session.
pub(crate) struct WakePace {
    /// When the next call would begin if calls came exactly at their interval.
    next: Instant,
    failures: u32,
    /// Not before: after a failure, or because somebody else is at it.
    pause_until: Option<Instant>,
}

impl WakePace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { next: now, failures: 0, pause_until: None }
    }

    /// The earliest moment for the next call; in the past if that is now.
    pub(crate) fn ready_at(&self, now: Instant, config: &WakerConfig) -> Instant {
        let ahead = config.interval.saturating_mul(config.burst.max(1) - 1);
        let by_rate = self.next.checked_sub(ahead).unwrap_or(now);
        self.pause_until.map_or(by_rate, |until| until.max(by_rate))
    }

    /// A call was begun at this moment.
    pub(crate) fn called(&mut self, at: Instant, config: &WakerConfig) {
        self.next = self.next.max(at) + config.interval;
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.pause_until = None;
    }

    /// Says how long the pause is. `jitter` is from 0 to 1.
    pub(crate) fn failed(&mut self, now: Instant, config: &WakerConfig, jitter: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let pause = Duration::from_millis(config.backoff.delay_ms(self.failures, jitter));
        self.pause_until = now.checked_add(pause);
        pause
    }

    /// No call before this moment.
    pub(crate) fn rest_until(&mut self, until: Instant) {
        self.pause_until = Some(until);
    }

    /// Whether nothing is left that a fresh pace would not have.
    pub(crate) fn rested(&self, now: Instant) -> bool {
        self.failures == 0 && self.next <= now && self.pause_until.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> WakerConfig {
        WakerConfig { interval: Duration::from_secs(10), burst: 3, ..WakerConfig::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_burst_a_call_comes_each_interval_and_rest_gives_the_burst_back() {
        let (start, config) = (Instant::now(), config());
        let mut pace = WakePace::new(start);
        let mut now = start;
        let mut at = Vec::new();
        for _ in 0..5 {
            now = now.max(pace.ready_at(now, &config));
            pace.called(now, &config);
            at.push((now - start).as_secs());
        }
        assert_eq!(at, [0, 0, 0, 10, 20]);
        assert!(!pace.rested(now));
        let later = now + Duration::from_secs(60);
        assert!(pace.rested(later));
        for _ in 0..3 {
            assert!(pace.ready_at(later, &config) <= later);
            pace.called(later, &config);
        }
        assert_eq!(pace.ready_at(later, &config), later + Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_pause_for_longer_each_time_and_a_success_ends_that() {
        let (now, config) = (Instant::now(), config());
        let mut pace = WakePace::new(now);
        let pauses: Vec<_> = (0..4).map(|_| pace.failed(now, &config, 1.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8]);
        assert_eq!(pace.ready_at(now, &config), now + Duration::from_secs(8));
        pace.succeeded();
        assert!(pace.ready_at(now, &config) <= now && pace.rested(now));
        assert_eq!(pace.failed(now, &config, 1.0).as_secs(), 1);
    }
}
