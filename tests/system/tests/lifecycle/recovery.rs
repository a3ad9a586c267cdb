//! What follows the loss of a host, as the kind's description, the specification and the creator say.
//! Does not lose a host: the cases on virtual time and the real kills do.

use serde_json::json;
use taskwright_runner::registry::{Recovery, TaskId};
use taskwright_runner::store::TaskQuery;
use taskwright_runner::{KindSettings, RunnerError};

use crate::bench_of_one::Bench;

async fn recovery(
    bench: &Bench,
    kind: &str,
    spec: serde_json::Value,
    asked: Option<Recovery>,
) -> Result<TaskId, RunnerError> {
    let mut request = bench.session.task(kind, spec);
    if let Some(recovery) = asked {
        request = request.recovery(recovery);
    }
    Ok(request.create().await?.id)
}

// L36
async fn a_kind_and_its_specification_say_whether_a_task_may_start_again(bench: Bench) {
    for guest in [taskwright_test_guests::REATTACH_AS_SPEC, taskwright_test_guests::HOST_BOUND] {
        bench.runner.add_kind(guest, KindSettings::default()).await.unwrap();
    }
    let (again, bound) = (Recovery::Reattach, Recovery::HostBound);
    let (as_spec, never) = ("reattach-as-spec", "host-bound");
    for (kind, spec, asked, expected) in [
        ("walkthrough", json!({}), None, again),
        ("walkthrough", json!({}), Some(bound), bound),
        (as_spec, json!({"resume": true}), None, again),
        (as_spec, json!({"resume": true}), Some(bound), bound),
        (as_spec, json!({"resume": false}), None, bound),
        (as_spec, json!({}), None, bound),
        (never, json!({"resume": true}), None, bound),
    ] {
        let id = recovery(&bench, kind, spec.clone(), asked).await.unwrap();
        assert_eq!(bench.session.get(&id).await.unwrap().recovery, expected, "{kind} {spec} {asked:?}");
    }
    let before = bench.session.list(&TaskQuery::default()).await.unwrap().tasks.len();
    for (kind, spec) in [(as_spec, json!({})), (never, json!({}))] {
        let refused = recovery(&bench, kind, spec, Some(again)).await.expect_err("a refusal");
        assert!(matches!(&refused, RunnerError::CannotReattach { kind: named } if named == kind), "{refused}");
    }
    assert_eq!(bench.session.list(&TaskQuery::default()).await.unwrap().tasks.len(), before, "nothing was created");
}

crate::over_each_store!(a_kind_and_its_specification_say_whether_a_task_may_start_again);
