//! A host's promise to be alive, for a while.
//! Does not keep time: a store does, with a clock that every host sees alike.

use std::time::Duration;

use crate::HostRef;

/// How long a host's lease lasts after each renewal: from one second to ten minutes.
///
/// How often it is renewed, and when a host that could not renew it must have stopped its instances, follow from the
/// length and cannot be set apart from it: a renewal that comes too seldom would be a bug that shows only under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseLength(Duration);

/// A length outside of what a lease can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a lease of {given:?} is not possible: expected {least:?} to {most:?}", least = LeaseLength::LEAST, most = LeaseLength::MOST)]
pub struct InvalidLeaseLength {
    /// What was asked for.
    pub given: Duration,
}

impl LeaseLength {
    /// Shorter ones would be lost to an ordinary hiccup of a disk.
    pub const LEAST: Duration = Duration::from_secs(1);
    /// Longer ones would leave the tasks of a dead host alone for longer than a person waits.
    pub const MOST: Duration = Duration::from_secs(600);

    /// A length.
    ///
    /// # Errors
    /// If it is not from one second to ten minutes.
    pub fn new(length: Duration) -> Result<Self, InvalidLeaseLength> {
        if (Self::LEAST..=Self::MOST).contains(&length) {
            Ok(Self(length))
        } else {
            Err(InvalidLeaseLength { given: length })
        }
    }

    /// How long the lease lasts after a renewal.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// How long after a renewal the next one is due: a third of the length, so that two may fail.
    #[must_use]
    pub fn renew_every(self) -> Duration {
        self.0 / 3
    }

    /// How long after it *asked* for its last renewal a host must have stopped its instances: five sixths of the length.
    /// The rest is for the stop itself, before the lease can be taken.
    #[must_use]
    pub fn stop_after(self) -> Duration {
        self.0 * 5 / 6
    }

    /// The length in whole milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        // At most ten minutes.
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for LeaseLength {
    /// Ten seconds: a dead host's tasks go on after eleven at most, and a disk that stalls for three does no harm.
    fn default() -> Self {
        Self(Duration::from_secs(10))
    }
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whose, with the epoch that this lease began.
    pub host: HostRef,
    /// How long it lasts after each renewal.
    pub length: LeaseLength,
}

#[cfg(test)]
mod tests {
    use super::*;

    // L37
    #[test]
    fn a_host_renews_and_stops_well_before_its_lease_can_be_taken() {
        for seconds in [1, 2, 10, 30, 600] {
            let length = LeaseLength::new(Duration::from_secs(seconds)).expect("a length");
            assert!(length.renew_every() * 2 < length.stop_after(), "two renewals may fail");
            assert!(length.stop_after() < length.duration());
            assert!(length.duration() - length.stop_after() >= Duration::from_millis(150), "a stop takes up to 50 ms");
        }
    }

    #[test]
    fn a_length_that_makes_no_sense_is_refused_with_the_bounds() {
        for millis in [0, 999, 600_001] {
            let refused = LeaseLength::new(Duration::from_millis(millis)).expect_err("a refusal").to_string();
            assert!(refused.contains("1s") && refused.contains("600s"), "{refused}");
        }
    }
}
