//! The key that goes along with a call elsewhere, so that whoever is called can tell a repetition.
//! Does not keep anything: the key is made anew from what does not change within an attempt.

use sha2::{Digest, Sha256};

use crate::TaskId;

/// The key of a call that an attempt makes: `tw_` and the first 32 hexadecimal digits of a SHA-256. It has nothing to do
/// with a creator's key for idempotent creation.
///
/// What is hashed is the task's id, the attempt's number in decimal and the call, with a zero byte between each two. The
/// first two hold no zero byte, so no two triples give the same bytes. `call` should have at most
/// [`limit::IDEMPOTENT_CALL_BYTES`](crate::limit::IDEMPOTENT_CALL_BYTES); it is not checked here.
#[must_use]
pub fn idempotency_key(task: &TaskId, attempt: u32, call: &str) -> String {
    let hash = Sha256::new()
        .chain_update(task.as_str())
        .chain_update([0])
        .chain_update(attempt.to_string())
        .chain_update([0])
        .chain_update(call)
        .finalize();
    format!("tw_{}", hex::encode(&hash[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(task: &str, attempt: u32, call: &str) -> String {
        idempotency_key(&task.parse().unwrap(), attempt, call)
    }

    /// A host that has been updated must give an attempt the keys that it gave before.
    #[test]
    fn the_keys_of_earlier_releases_stay_what_they_were() {
        let task = "task_01a1fb9c0c50778c854e7fb21174721a";
        for (attempt, call, expected) in [
            (1, "charge", "tw_e9eabe8ed604e583761c4c60e8e02fc8"),
            (2, "charge", "tw_e438ef66bcf2b273fc73cca40b1ed7e4"),
            (1, "refund", "tw_47e0a5b030cd6d5ea4aa308725938bd0"),
            (1, "", "tw_98e0c37764f69cf0dfe39b401a3b4847"),
            (1, "Zahlung für Ada", "tw_7be94c88f4b5d4fef1f634a4eb88567a"),
        ] {
            assert_eq!(key(task, attempt, call), expected, "{attempt} {call}");
        }
        let other = "task_00000000000000000000000000000001";
        assert_eq!(key(other, 1, "charge"), "tw_8f5f91236823f8a020529d17324171f2");
        assert_eq!(key(other, 2, "charge"), "tw_34f59c71abcdea7fc383cabc5088dfa3");
    }

    #[test]
    fn an_attempt_and_a_call_that_read_alike_together_have_keys_of_their_own() {
        let task = "task_01a1fb9c0c50778c854e7fb21174721a";
        assert_ne!(key(task, 1, "1"), key(task, 11, ""));
        assert_ne!(key(task, 1, "2\x001"), key(task, 12, "1"));
    }
}
