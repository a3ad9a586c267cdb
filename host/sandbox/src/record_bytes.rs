//! The count of what an instance's reports make the host's store write.
//! Does not know what that is for a report: the host does, and counts it here before it writes.

use std::fmt;
use std::sync::Arc;

use crate::Refusal;
use crate::meter::Meter;

/// Counts by the dimension `record_bytes` of the budget of one instance. Clones count together.
#[derive(Clone)]
pub struct RecordBytes(Arc<Meter>);

impl fmt::Debug for RecordBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecordBytes").finish()
    }
}

impl RecordBytes {
    pub(crate) fn new(meter: Arc<Meter>) -> Self {
        Self(meter)
    }

    /// Counts so many bytes.
    ///
    /// # Errors
    /// `LimitExceeded`; nothing is counted then.
    pub fn take(&self, bytes: u64) -> Result<(), Refusal> {
        self.0.record(bytes)
    }

    /// Counts so many bytes if a quarter of the limit is left afterwards. Says whether it did.
    #[must_use]
    pub fn take_spare(&self, bytes: u64) -> bool {
        self.0.record_if_spare(bytes)
    }
}
