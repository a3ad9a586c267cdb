//! Many writers on one task, in every order that proptest thinks of; after each step every invariant is checked.
//! Does not store anything: the stores' suite does.

mod invariants;
mod life;
mod wish;

use proptest::prelude::*;

use life::Life;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_writes_breaks_an_invariant(birth in wish::birth(), wishes in prop::collection::vec(wish::wish(), 1..60)) {
        let mut life = Life::begin(birth);
        for wish in wishes {
            if let Some(step) = life.take(&wish) {
                for (name, invariant) in invariants::ALL {
                    if let Err(broken) = invariant(&step, &life) {
                        panic!("{name}: {broken}\nwish: {wish:#?}\nbefore: {:#?}\noutcome: {:#?}", step.before, step.outcome);
                    }
                }
            }
        }
    }
}

/// The properties would prove nothing if their lives never came to where it matters.
#[test]
fn the_lives_reach_every_state_and_every_refusal() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..500 {
        let birth = wish::birth().new_tree(&mut runner).expect("a birth").current();
        let wishes = prop::collection::vec(wish::wish(), 40).new_tree(&mut runner).expect("wishes").current();
        let mut life = Life::begin(birth);
        for wish in &wishes {
            if let Some(step) = life.take(wish) {
                seen.insert(match &step.outcome {
                    Ok(effects) if effects.answered => "answered".to_owned(),
                    Ok(effects) => effects.task.state.to_string(),
                    Err(rejection) => format!("{rejection:?}").chars().take_while(char::is_ascii_alphabetic).collect(),
                });
            }
        }
    }
    for wanted in [
        "queued",
        "running",
        "awaiting_input",
        "succeeded",
        "failed",
        "canceled",
        "answered",
        "Superseded",
        "NotAccepting",
        "Terminal",
        "Illegal",
        "OutOfPhase",
        "Invalid",
        "TooLarge",
    ] {
        assert!(seen.contains(wanted), "no life came to {wanted}: {seen:?}");
    }
}
