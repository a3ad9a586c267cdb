//! The clock on a response that its guest does not read: its connection is given up when it runs out.
//! Does not measure the server: the body's own patience does, while somebody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The clock, as the body sees it.
#[derive(Debug, Clone)]
pub(crate) struct Unread {
    until: watch::Sender<Option<Instant>>,
    given_up: Arc<AtomicBool>,
    idle: Duration,
}

impl Unread {
    /// A clock that stands until the guest has the response.
    pub(crate) fn new(idle: Duration) -> Self {
        Self { until: watch::Sender::new(None), given_up: Arc::default(), idle }
    }

    /// Something was handed over: from now on it is the guest's turn.
    pub(crate) fn handed_over(&self) {
        self.until.send_replace(Some(Instant::now() + self.idle));
    }

    /// The guest waits for the server. That has a clock of its own, for as long as somebody waits; this one runs out later, for a
    /// guest that has given up waiting.
    pub(crate) fn awaited(&self) {
        self.until.send_replace(Some(Instant::now() + 2 * self.idle));
    }

    /// Whether the connection was given up.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// Ends when the clock has run out.
    pub(crate) async fn run_out(&self) {
        let mut changes = self.until.subscribe();
        loop {
            let until = *changes.borrow_and_update();
            let ended = tokio::select! {
                () = async { match until { Some(until) => sleep_until(until).await, None => std::future::pending().await } } => true,
                _ = changes.changed() => false,
            };
            if ended {
                self.given_up.store(true, Ordering::Release);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn the_clock_runs_out_only_when_nothing_is_read() {
        let unread = Unread::new(IDLE);
        let clock = tokio::spawn({
            let unread = unread.clone();
            async move { unread.run_out().await }
        });
        tokio::time::sleep(10 * IDLE).await;
        assert!(!clock.is_finished(), "nothing was handed over yet");
        for _ in 0..5 {
            unread.handed_over();
            tokio::time::sleep(IDLE / 2).await;
        }
        assert!(!clock.is_finished() && !unread.is_given_up());
        clock.await.unwrap();
        assert!(unread.is_given_up());
    }
}
