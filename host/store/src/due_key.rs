//! Where a task stands among those that are due: by a time, or at once whatever the time.
//! Does not choose among them: it only makes both kinds one number, which an index can hold.
//!
//! What is wanted at once has become due by the clock of the process that wrote it, which may be ahead of the one that looks. Its time
//! says how long it has waited and is never compared with a clock: it is kept below every appointment, so that two ranges of one index
//! hold everything that is due, in the order of their times each.

use taskwright_registry::{Task, Timestamp};

use crate::column::{millis, time};

/// What is wanted at once stands so many milliseconds before its time: some thirty thousand years.
const AT_ONCE: i64 = 1_000_000_000_000_000;
/// The first appointment there may be.
const APPOINTMENTS: i64 = -AT_ONCE / 2;

/// A range of keys, from the first to the last.
pub(crate) type Range = (i64, i64);

/// The key of a task that waits for a host.
pub(crate) fn key(task: &Task) -> Option<i64> {
    let at = millis(task.dispatch.due_at?);
    Some(if task.dispatch.due_at_once { at - AT_ONCE } else { at.max(APPOINTMENTS) })
}

/// The time of a key. One that no time has stands for the first or the last there is: it may be in a damaged row, which holds up
/// nobody else.
pub(crate) fn time_of(key: i64) -> Timestamp {
    let millis = if key < APPOINTMENTS { key + AT_ONCE } else { key };
    time(millis).unwrap_or(if millis < 0 { Timestamp::MIN_UTC } else { Timestamp::MAX_UTC })
}

/// Where everything stands that is due at a time.
pub(crate) fn due(now: Timestamp) -> [Range; 2] {
    [(i64::MIN, APPOINTMENTS - 1), (APPOINTMENTS, millis(now))]
}

/// Where everything stands whose time is later than that, or everything.
pub(crate) fn later(after: Option<Timestamp>) -> [Range; 2] {
    let after = after.map(millis);
    let first = |before: i64, least: i64| after.map_or(least, |after| (after + 1 - before).max(least));
    [(first(AT_ONCE, i64::MIN), APPOINTMENTS - 1), (first(0, APPOINTMENTS), i64::MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_an_appointment_from_what_is_due_at_once() {
        let now = time(1_800_000_000_000).unwrap();
        assert_eq!((time_of(i64::MIN), time_of(i64::MAX)), (Timestamp::MIN_UTC, Timestamp::MAX_UTC));
        let [at_once, appointments] = due(now);
        let within = |range: Range, key: i64| (range.0..=range.1).contains(&key);
        let ahead = millis(now) + 3_600_000;
        assert!(within(at_once, ahead - AT_ONCE) && !within(appointments, ahead - AT_ONCE));
        assert!(!within(at_once, ahead) && !within(appointments, ahead));
        assert!(within(appointments, millis(now)));
        for key in [ahead, ahead - AT_ONCE] {
            assert_eq!(time_of(key), time(ahead).unwrap());
            assert!(later(Some(now)).into_iter().any(|range| within(range, key)));
            assert!(!later(time(ahead).ok()).into_iter().any(|range| within(range, key)));
            assert!(later(None).into_iter().any(|range| within(range, key)));
        }
    }
}
