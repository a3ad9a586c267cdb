//! Whether the disks of the log and of the files have room: below a mark, what guests report is refused, and what the host has to
//! write itself goes on.
//! Does not look more than once a second, and not at disks of other machines.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a look holds. Within it, all guests of a host together write a small part of what is kept free.
const HOLDS: Duration = Duration::from_secs(1);
/// What is kept free unless an operator says otherwise: this, or a hundredth of a small disk.
const KEPT_BYTES: u64 = 256 << 20;
const KEPT_PART: u64 = 100;

/// The disks of one runner.
#[derive(Debug)]
pub(crate) struct FreeSpace {
    places: Vec<PathBuf>,
    /// What is kept free, in bytes; the default if `None`.
    kept: Option<u64>,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    low: bool,
}

/// What a file system has.
#[derive(Debug, Clone, Copy)]
struct Disk {
    all: u64,
    free: u64,
}

impl Disk {
    fn of(place: &PathBuf) -> std::io::Result<Self> {
        let found = rustix::fs::statvfs(place)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Self { all: bytes(found.f_blocks), free: bytes(found.f_bavail) })
    }

    fn is_low(self, kept: Option<u64>) -> bool {
        self.free < kept.unwrap_or_else(|| KEPT_BYTES.min(self.all / KEPT_PART))
    }
}

impl FreeSpace {
    /// Of the disks that hold these files or folders.
    pub(crate) fn new(places: impl IntoIterator<Item = PathBuf>, kept: Option<u64>) -> Self {
        Self { places: places.into_iter().collect(), kept, seen: Mutex::default() }
    }

    /// Whether guests may make nothing more be written.
    pub(crate) fn is_low(&self) -> bool {
        if self.places.is_empty() {
            return false;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *seen;
        if let Some(Seen { at, low }) = before
            && at.elapsed() < HOLDS
        {
            return low;
        }
        let mut least: Option<(u64, &PathBuf)> = None;
        let mut low = false;
        for place in &self.places {
            match Disk::of(place) {
                Ok(disk) => {
                    low |= disk.is_low(self.kept);
                    least = least.filter(|(free, _)| *free <= disk.free).or(Some((disk.free, place)));
                }
                // What cannot be asked is not full by that.
                Err(error) => tracing::debug!(place = %place.display(), %error, "a disk cannot be asked for its room"),
            }
        }
        if let Some((free, place)) = least {
            #[expect(clippy::cast_precision_loss, reason = "a gauge needs no 53 bits")]
            metrics::gauge!("taskwright_disk_free_bytes").set(free as f64);
            let was_low = before.is_some_and(|before| before.low);
            if low && !was_low {
                tracing::warn!(
                    place = %place.display(),
                    free,
                    "the disk is almost full: reports, output and drafts of guests are refused until there is room"
                );
            } else if was_low && !low {
                tracing::info!(place = %place.display(), free, "there is room on the disk again");
            }
        }
        *seen = Some(Seen { at: Instant::now(), low });
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_keeps_a_hundredth_and_a_large_one_256_mib() {
        let low = |all, free| Disk { all, free }.is_low(None);
        assert_eq!((low(10 << 30, 100 << 20), low(10 << 30, 110 << 20)), (true, false));
        assert_eq!((low(1 << 40, 255 << 20), low(1 << 40, 257 << 20)), (true, false));
        let told = |free| Disk { all: 1 << 40, free }.is_low(Some(1 << 30));
        assert_eq!((told(1023 << 20), told(1 << 30)), (true, false));
    }

    #[test]
    fn what_cannot_be_asked_is_not_full() {
        let nowhere = FreeSpace::new([PathBuf::from("/nowhere/at/all")], Some(u64::MAX));
        assert!(!nowhere.is_low());
        assert!(FreeSpace::new([std::env::temp_dir()], Some(u64::MAX)).is_low());
        assert!(!FreeSpace::new([], Some(u64::MAX)).is_low());
    }
}
