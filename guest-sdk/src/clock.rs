//! Time, by the host's clock; natively by the mock host's.
//! It does not hibernate: for waits of minutes and more return [`Step::Sleep`](crate::Step::Sleep), which costs no memory.

use std::time::Duration;

use crate::host;

/// Milliseconds since 1970. The clock may jump.
pub fn now() -> u64 {
    host::now()
}

/// Waits for at least this time. A cancel does not end it: for that there is [`Task::sleep`](crate::Task::sleep).
pub async fn sleep(duration: Duration) {
    // Rounded up, so that it is never shorter than what was asked for.
    let milliseconds = duration.as_nanos().div_ceil(1_000_000);
    host::sleep(u64::try_from(milliseconds).unwrap_or(u64::MAX)).await;
}

/// A time as the contract has it: what is below a millisecond is not counted.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
