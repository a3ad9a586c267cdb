//! How many descriptors this process may have open, and how many of them are left to guests.
//! Does not count those that are open: a `SharedPool` does.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::SandboxError;

/// What the host keeps for itself: standard streams, the event loop, signals, a database with its log, its index and the connections
/// that read it (or a pool of connections to a server), the cache, the kinds, logs and copies of results that are open for the length
/// of one write, and the pipes of the processes that compile.
pub(crate) const RESERVE: u64 = 128;
/// The most that guests get, however many the system would give: the kernel's memory for them is not free either.
const MOST: u64 = 65_536;
/// Fewer than this are of no use to kinds with folders.
const FEWEST: u64 = 32;

/// Descriptors as they are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// For what guests open.
    pub(crate) guests: u64,
    /// For connections of requests over HTTP.
    pub(crate) connections: u32,
}

/// Raises this process's limit as far as it may, and shares out what there is. `most_guests` narrows what guests get.
///
/// # Errors
/// `Descriptors`, where the limit is so low that not even the host's own are there.
pub(crate) fn share_out(most_guests: Option<u64>, connections: u32) -> Result<Descriptors, SandboxError> {
    divide(raise(), most_guests, connections)
}

/// Raises the limit that holds to the limit up to which it may be raised. Returns what holds then.
fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current else { return u64::MAX };
    if maximum.is_some_and(|maximum| maximum <= current) {
        return current;
    }
    // Where the system does not take no limit at all, it takes more than anybody here uses.
    for wanted in [maximum, Some(maximum.unwrap_or(u64::MAX).min(MOST.saturating_mul(2)))] {
        if wanted.is_none_or(|wanted| wanted > current)
            && setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }).is_ok()
        {
            return wanted.unwrap_or(u64::MAX);
        }
    }
    current
}

fn divide(limit: u64, most_guests: Option<u64>, connections: u32) -> Result<Descriptors, SandboxError> {
    // A quarter at most, so that a low limit leaves something for files.
    let connections = u64::from(connections).min(limit / 4);
    let needed = RESERVE.saturating_add(connections);
    let left = limit.saturating_sub(needed).min(MOST);
    if left < FEWEST {
        // With so low a limit the connections are a quarter of it.
        return Err(SandboxError::Descriptors { limit, needed: (RESERVE + FEWEST) * 4 / 3 + 1 });
    }
    let guests = most_guests.map_or(left, |most| most.min(left));
    Ok(Descriptors { guests, connections: u32::try_from(connections).unwrap_or(u32::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_leaves_the_host_its_own() {
        let guests = |limit| divide(limit, None, 512).map(|shared| (shared.guests, shared.connections)).ok();
        assert_eq!(guests(u64::MAX), Some((65_536, 512)));
        assert_eq!(guests(4_096), Some((3_456, 512)));
        assert_eq!(guests(1_024), Some((640, 256)));
        assert_eq!(guests(256), Some((64, 64)));
        assert_eq!(guests(128), None);
        assert_eq!(divide(4_096, Some(10), 512).unwrap().guests, 10);
    }

    #[test]
    fn what_is_told_to_be_needed_is_enough() {
        for limit in 0..400 {
            if let Err(SandboxError::Descriptors { needed, .. }) = divide(limit, None, 512) {
                assert!(needed > limit && divide(needed, None, 512).is_ok(), "{limit}: {needed}");
            }
        }
    }
}
