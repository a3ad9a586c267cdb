//! Whether an instance may make the store write more: by the `record_bytes` of its budget, and by the room on the disk.
//! Does not count what the host writes by itself: an outcome, a lease, a cancel.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use taskwright_registry::{Part, Task};
use taskwright_sandbox::{RecordBytes, Refusal};

use crate::free_space::FreeSpace;
use crate::write_pace::weight;

/// Of one instance, or of work that is done elsewhere.
pub(crate) struct RecordAllowance {
    /// None for code that has no budget.
    counter: OnceLock<RecordBytes>,
    /// About what a change of the record makes the store write, as the record was last seen.
    record: AtomicU64,
    space: Arc<FreeSpace>,
}

/// What the parts of a message take in a row of the store.
pub(crate) fn bytes_of(parts: &[Part]) -> usize {
    let bytes = |part: &Part| match part {
        Part::Text(text) => text.len(),
        Part::Data(data) => data.to_string().len(),
    };
    parts.iter().map(bytes).sum()
}

impl RecordAllowance {
    /// For a task as it was claimed.
    pub(crate) fn new(task: &Task, space: Arc<FreeSpace>) -> Self {
        Self { counter: OnceLock::new(), record: AtomicU64::new(weight(task, 0) as u64), space }
    }

    /// Counts by a budget from now on.
    pub(crate) fn count_by(&self, counter: RecordBytes) {
        let _ = self.counter.set(counter);
    }

    /// Notes how large the record has become.
    pub(crate) fn record_is(&self, task: &Task) {
        self.record.store(weight(task, 0) as u64, Relaxed);
    }

    fn cost(&self, beside: usize) -> u64 {
        self.record.load(Relaxed).saturating_add(beside as u64)
    }

    /// Whether there is room on the disk at all.
    pub(crate) fn has_space(&self) -> bool {
        let has = !self.space.is_low();
        if !has {
            metrics::counter!("taskwright_disk_refused_total").increment(1);
        }
        has
    }

    /// As `has_space`, as an answer to who wants to write so many bytes. Nothing was written, which `unavailable` would leave open.
    pub(crate) fn check_space(&self, wanted: usize) -> Result<(), Refusal> {
        if self.has_space() { Ok(()) } else { Err(no_space(wanted)) }
    }

    /// Counts a change of the record, with so many bytes that are written beside it.
    pub(crate) fn admit(&self, beside: usize) -> Result<(), Refusal> {
        self.check_space(beside)?;
        self.counter.get().map_or(Ok(()), |counter| counter.take(self.cost(beside)))
    }

    /// Counts a change that can be put off. It leaves a quarter of the budget to those that cannot.
    pub(crate) fn admit_if_spare(&self) -> bool {
        self.has_space() && self.counter.get().is_none_or(|counter| counter.take_spare(self.cost(0)))
    }
}

/// What is said below the mark: guests get nothing more of the host's disk.
fn no_space(wanted: usize) -> Refusal {
    Refusal::LimitExceeded { dimension: "host_disk".to_owned(), allowed: 0, wanted: wanted as u64 }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn work_without_a_budget_is_held_to_the_room_on_the_disk() {
        let new = taskwright_registry::NewTask::new(
            taskwright_registry::TaskId::new(chrono::DateTime::UNIX_EPOCH, [1; 10]),
            "s".parse().unwrap(),
            "probe",
            serde_json::Value::Null,
        );
        let task = taskwright_registry::create(new, chrono::DateTime::UNIX_EPOCH).unwrap();
        let with = |kept| RecordAllowance::new(&task, Arc::new(FreeSpace::new([PathBuf::from("/")], Some(kept))));
        with(0).admit(1 << 30).unwrap();
        assert_eq!(with(u64::MAX).admit(0), Err(no_space(0)));
        assert!(with(0).admit_if_spare() && !with(u64::MAX).admit_if_spare());
    }
}
