//! Keys for calls elsewhere, as a kind gets them from the mock host.

use serde_json::{Value, json};
use taskwright_guest::mock::{Call, MockHost, Run};
use taskwright_guest::{Description, Kind, Outcome, Step, Task};

/// Asks for the keys of the calls that its specification names.
struct Keyed;

impl Kind for Keyed {
    type Spec = Vec<String>;
    type Output = Vec<String>;

    fn describe() -> Description {
        Description::new("keyed", "0.1.0", "Asks for keys.").can_reattach()
    }

    async fn start(task: Task<Vec<String>>) -> Outcome<Vec<String>> {
        Ok(Step::done(task.spec.iter().map(|call| task.idempotency_key(call)).collect()))
    }
}

fn keys(run: &Run<Keyed>) -> Value {
    run.result()
}

#[test]
fn a_call_has_one_key_in_an_attempt_and_another_in_the_next() {
    let mut run = MockHost::new().start::<Keyed>(["charge", "refund", "charge"]);
    let first = keys(&run);
    assert_eq!(first[0], first[2]);
    assert_ne!(first[0], first[1]);
    run.reattach();
    let second = keys(&run);
    assert_eq!(second[0], second[2]);
    assert_ne!(first[0], second[0]);
    assert_eq!(run.calls(Call::IdempotencyKey), 6);
}

#[test]
fn the_mock_host_gives_the_keys_that_a_host_gives() {
    // The host's own test has the same keys.
    let key = |attempt| keys(&MockHost::new().attempt(attempt).start::<Keyed>(["charge"]));
    assert_eq!(key(1), json!(["tw_8f5f91236823f8a020529d17324171f2"]));
    assert_eq!(key(2), json!(["tw_34f59c71abcdea7fc383cabc5088dfa3"]));
}

#[test]
fn the_longest_name_of_a_call_has_a_key() {
    assert_eq!(keys(&MockHost::new().start::<Keyed>(["x".repeat(256)])).as_array().unwrap().len(), 1);
}

#[test]
#[should_panic(expected = "a host ends the attempt at more than 256")]
fn a_name_that_is_too_long_fails_the_test() {
    MockHost::new().start::<Keyed>(["x".repeat(257)]);
}
