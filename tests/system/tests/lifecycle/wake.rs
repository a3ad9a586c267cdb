//! What a session is woken for.

use serde_json::json;
use taskwright_runner::registry::{State, WakeCause, WakePolicy};

use crate::bench_of_one::Bench;

async fn wakes(bench: &Bench, policy: WakePolicy) -> Vec<WakeCause> {
    let spec = json!({"steps": [{"post": "one"}, {"post_data": {"two": 2}}]});
    let task = bench.session.task("walkthrough", spec).wake(policy).create().await.unwrap();
    bench.session.outcome(&task.id).await.unwrap();
    let wakes = bench.session.wakes(100).await.unwrap();
    let ids: Vec<u64> = wakes.iter().map(|wake| wake.id).collect();
    assert_eq!(bench.session.acknowledge_wakes(&ids).await.unwrap(), ids.len());
    assert!(bench.session.wakes(100).await.unwrap().is_empty(), "an acknowledged wake is not given again");
    wakes.into_iter().map(|wake| wake.cause).collect()
}

async fn a_session_is_woken_as_the_policy_says(bench: Bench) {
    bench.runner.serve();
    assert_eq!(wakes(&bench, WakePolicy::Silent).await, []); // L18
    assert_eq!(wakes(&bench, WakePolicy::OnTerminal).await, [WakeCause::Terminal { state: State::Succeeded }]); // L18
    let all = wakes(&bench, WakePolicy::OnActivity).await;
    assert!(
        matches!(all[..], [WakeCause::Message { .. }, WakeCause::Message { .. }, WakeCause::Terminal { .. }]),
        "{all:?}"
    );
}

crate::over_each_store_and_code!(a_session_is_woken_as_the_policy_says,);
