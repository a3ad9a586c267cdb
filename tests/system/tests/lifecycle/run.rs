//! From `queued` to the end.

use serde_json::json;
use taskwright_runner::registry::{EventBody, State};

use crate::bench_of_one::Bench;

async fn a_task_leaves_what_its_kind_reported(bench: Bench) {
    bench.runner.serve();
    let task = bench
        .outcome_of(json!([
            {"say": "hello"}, {"state": "packing"}, {"progress": {"current": 2, "total": 3, "unit": "boxes"}},
            {"post": "a word"}, {"link": ["r1", "r2"]}, {"link": ["r2", "r3"]},
            {"artifact": {"name": "a.txt", "text": "whole"}},
            {"draft": {"name": "b.txt", "chunks": ["in ", "pieces"]}}
        ]))
        .await;
    assert_eq!(task.state, State::Succeeded, "{:?}", task.error);
    assert_eq!(task.summary.as_deref(), Some("took 8 steps"));
    assert_eq!(
        task.progress.as_ref().map(|progress| progress.current),
        Some(2),
        "the last progress is stored before the end"
    );
    assert_eq!(task.links.resource_ids, ["r1", "r2", "r3"]); // L15
    let session = &bench.session;
    assert_eq!(session.result(&task.id).await.unwrap().unwrap()["steps"], 8);
    assert_eq!(session.output(&task.id).await.unwrap().read().await.unwrap(), "hello\n");
    assert_eq!(session.artifact(&task.id, "a.txt").await.unwrap().unwrap(), "whole");
    assert_eq!(session.artifact(&task.id, "b.txt").await.unwrap().unwrap(), "in pieces");
    assert!(session.artifact(&task.id, "c.txt").await.unwrap().is_none());
    let messages = session.messages(&task.id, &Default::default()).await.unwrap();
    assert_eq!(messages.len(), 1);
    bench.runner.drain().await;
    let result = bench.folder.path().join("files").join(task.result_path.unwrap().trim_start_matches('/'));
    assert!(result.exists(), "the result lies beside the artifacts too");
    assert!(task.usage.instances == 1 && task.usage.host_calls >= 9, "{:?}", task.usage);
}

async fn the_log_tells_the_whole_life_without_a_gap(bench: Bench) {
    bench.runner.serve();
    let task = bench.outcome_of(json!([{"state": "one"}, {"post": "two"}])).await;
    let log = bench.log().await;
    let numbers: Vec<u64> = log.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>()); // L25
    assert!(matches!(log[0].body, EventBody::Created { .. }));
    let last = log.last().unwrap().body.task().unwrap();
    assert_eq!((last.state, last.version), (State::Succeeded, task.version));
    // A subscriber that comes late, from any cursor, sees the same.
    for cursor in 0..log.len() as u64 {
        let mut events = bench.session.task_events(&task.id, cursor);
        assert_eq!(events.next().await.unwrap(), log[cursor as usize]);
    }
}

async fn many_tasks_at_once_all_come_to_their_end(bench: Bench) {
    bench.runner.serve();
    let mut tasks = Vec::new();
    for n in 0..bench.many() {
        tasks.push(bench.walk(json!([{"say": format!("{n}")}, {"progress": {"current": n}}])).await);
    }
    for task in tasks {
        let task = bench.session.outcome(&task.id).await.unwrap();
        assert_eq!((task.state, task.attempt), (State::Succeeded, 1), "{:?}", task.error);
    }
}

async fn a_task_that_was_left_queued_is_run_by_the_next_runner(bench: Bench) {
    let task = bench.walk(json!([{"say": "late"}])).await;
    let next = bench.restarted().await;
    next.runner.serve();
    assert_eq!(next.session.outcome(&task.id).await.unwrap().state, State::Succeeded);
}

async fn a_drained_task_goes_on_elsewhere_within_the_same_attempt(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"say": "before"}, {"stay": true}])).await;
    bench.when(&task, |task| task.checkpoint.is_some()).await;
    bench.runner.drain().await;
    let given_back = bench.session.get(&task.id).await.unwrap();
    assert_eq!((given_back.state, given_back.attempt), (State::Running, 1));
    let next = bench.restarted().await;
    next.runner.serve();
    next.session.send(&task.id, vec![taskwright_runner::registry::Part::Text("finish".into())], None).await.unwrap();
    let done = next.session.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.attempt, done.crashes), (State::Succeeded, 1, 0), "{:?}", done.error);
    assert_eq!(
        next.session.output(&task.id).await.unwrap().read().await.unwrap(),
        "before\n",
        "no step was taken twice"
    );
}

async fn a_runner_for_one_task_leaves_the_others_alone(bench: Bench) {
    let other = bench.walk(json!([])).await;
    let task = bench.walk(json!([{"hibernate_ms": 1}])).await;
    bench.runner.run_only(&task.id);
    assert_eq!(bench.session.outcome(&task.id).await.unwrap().state, State::Succeeded);
    assert_eq!(bench.session.get(&other.id).await.unwrap().state, State::Queued);
}

crate::over_each_store_and_code!(
    a_task_leaves_what_its_kind_reported,
    the_log_tells_the_whole_life_without_a_gap,
    many_tasks_at_once_all_come_to_their_end,
    a_task_that_was_left_queued_is_run_by_the_next_runner,
    a_drained_task_goes_on_elsewhere_within_the_same_attempt,
    a_runner_for_one_task_leaves_the_others_alone,
);
