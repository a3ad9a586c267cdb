//! How far the work has come.
//! It does not thin anything out: the host stores the last value every 100 ms.

/// A report of progress.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// How many are done.
    pub current: u64,
    /// How many there are; absent when the end is not known.
    pub total: Option<u64>,
    /// What is counted, such as `files`. At most 32 bytes.
    pub unit: Option<String>,
    /// What is being done at the moment. At most 256 bytes.
    pub label: Option<String>,
}

impl Progress {
    /// So many are done.
    pub fn of(current: u64) -> Self {
        Self { current, ..Self::default() }
    }

    /// And so many there are.
    pub fn total(mut self, total: impl Into<Option<u64>>) -> Self {
        self.total = total.into();
        self
    }

    /// This is what is counted.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// This is being done at the moment.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }
}
