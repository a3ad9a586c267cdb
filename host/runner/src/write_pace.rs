//! How fast one instance may make the store write: each change of a record is in the log with the whole record, so a record
//! that has grown large makes every further change expensive.
//! Does not refuse anything: who writes too much is made to wait.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use taskwright_registry::Task;
use tokio::time::Instant;

/// What may be written at once: a thousand artifacts, one by one.
const BURST_BYTES: f64 = (64 << 20) as f64;
/// What may be written in each second beyond that. A store on a small disk keeps up with it, and neighbours do not notice.
const BYTES_PER_SECOND: f64 = (4 << 20) as f64;
/// What a record without lists takes, with the rows and indexes around it.
const PLAIN_BYTES: usize = 2_048;
/// What an artifact or a link takes beside its texts.
const ENTRY_BYTES: usize = 64;

/// A bucket of bytes.
pub(crate) struct WritePace(Mutex<(f64, Instant)>);

impl Default for WritePace {
    fn default() -> Self {
        Self(Mutex::new((BURST_BYTES, Instant::now())))
    }
}

/// About what it costs to write a change: the record as it is then, and what is written beside it.
pub(crate) fn weight(task: &Task, beside: usize) -> usize {
    let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let artifacts = task.artifacts.iter().map(|artifact| {
        ENTRY_BYTES + artifact.name.len() + artifact.media_type.len() + len(&artifact.path) + len(&artifact.url)
    });
    let links = task.links.resource_ids.iter().map(|id| ENTRY_BYTES + id.len());
    let prompt = task.input_request.as_ref().map_or(0, |request| request.prompt.len());
    PLAIN_BYTES + artifacts.sum::<usize>() + links.sum::<usize>() + prompt + beside
}

impl WritePace {
    /// Counts what was written. Returns how long to wait before anything else is.
    #[expect(clippy::cast_precision_loss, reason = "a pace needs no 53 bits")]
    pub(crate) fn wrote(&self, bytes: usize) -> Option<Duration> {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let fresh = now.duration_since(bucket.1).as_secs_f64() * BYTES_PER_SECOND;
        *bucket = ((bucket.0 + fresh).min(BURST_BYTES) - bytes as f64, now);
        (bucket.0 < 0.0).then(|| Duration::from_secs_f64(-bucket.0 / BYTES_PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_written_beyond_the_burst_is_waited_for_and_forgiven_with_time() {
        let pace = WritePace::default();
        assert_eq!(pace.wrote(64 << 20), None);
        assert_eq!(pace.wrote(8 << 20), Some(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(pace.wrote(4 << 20), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(pace.wrote(64 << 20), None);
    }
}
