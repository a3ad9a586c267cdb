//! Bad input: refused before anything is written.

use serde_json::json;
use taskwright_runner::{KindSettings, RunnerError};

use crate::bench_of_one::Bench;

async fn a_spec_that_does_not_fit_is_refused_with_its_place_and_leaves_no_task(bench: Bench) {
    let spec = json!({"steps": [{"say": "fine"}, {"progress": {"current": "many"}}]});
    let error = bench.session.task("walkthrough", spec).create().await.unwrap_err();
    assert!(matches!(error, RunnerError::Spec { .. }));
    assert!(error.to_string().contains("/steps/1"), "{error}");
    assert!(bench.session.list(&Default::default()).await.unwrap().tasks.is_empty());
    assert!(bench.log().await.is_empty());
}

async fn an_unknown_kind_is_refused_with_the_list_of_known_ones(bench: Bench) {
    let error = bench.session.task("walktrough", json!({})).create().await.unwrap_err().to_string();
    assert!(error.contains("walkthrough"), "{error}");
}

async fn a_second_component_of_the_same_name_is_refused_and_the_first_stays(bench: Bench) {
    let mut other = taskwright_components::WALKTHROUGH.to_vec();
    // A custom section changes the digest and nothing else.
    other.extend_from_slice(&[0, 2, 1, b'x']);
    let error = bench.runner.add_kind(&other, KindSettings::default()).await.unwrap_err();
    assert!(matches!(error, RunnerError::DuplicateKind { .. }), "{error}");
    assert_eq!(bench.runner.kinds().len(), 1);
}

crate::over_each_store_and_code!(
    a_spec_that_does_not_fit_is_refused_with_its_place_and_leaves_no_task,
    an_unknown_kind_is_refused_with_the_list_of_known_ones,
);

crate::over_each_store!(a_second_component_of_the_same_name_is_refused_and_the_first_stays,);
