//! A session as a whole while its tasks run: moving them, closing it, canceling by lineage.
//! Does not repeat what every store promises of them: the conformance suite has that.

use serde_json::json;
use taskwright_runner::registry::{
    CancelMode, CancelPolicy, CloseOrder, ClosePolicy, Lineage, Part, SessionId, SessionState, State,
};
use taskwright_runner::store::{CancelScope, MessagePage, StoreError};
use taskwright_runner::{RunnerError, SendError};

use crate::bench_of_one::Bench;

fn successor() -> SessionId {
    "successor".parse().unwrap()
}

// L48
async fn a_task_that_runs_goes_on_where_it_was_moved_to(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"say": "before"}, {"ask": {"prompt": "well?"}}, {"say": "after"}])).await;
    let asking = bench.until(&task, State::AwaitingInput).await;
    bench.session.transfer(std::slice::from_ref(&task.id), &successor()).await.unwrap();
    let there = bench.runner.session(successor());
    let late = bench.session.send(&task.id, vec![Part::Text("late".into())], None).await.unwrap_err();
    assert!(matches!(late, SendError::NotFound { .. }), "{late}");
    there.answer(&task.id, Part::Text("yes".into())).await.unwrap();
    let done = there.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.session_id.clone()), (State::Succeeded, successor()), "{:?}", done.error);
    assert_eq!(there.result(&task.id).await.unwrap().unwrap()["answers"], json!(["yes"]));
    let said = there.output(&task.id).await.unwrap().read().await.unwrap();
    assert!(said.contains("before") && said.contains("after"), "{said}");
    let heard = there.messages(&task.id, &MessagePage::default()).await.unwrap();
    assert_eq!(heard[0].parts, [Part::Text("yes".into())]);
    let gone = bench.session.get(&task.id).await.unwrap_err();
    assert!(matches!(gone, RunnerError::Store(StoreError::NotFound { .. })), "{gone}");
    assert_eq!(done.attempt, asking.attempt.max(done.attempt), "nothing began anew because of the move");
}

// L48
async fn a_task_that_sleeps_wakes_where_it_was_moved_to(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"wait": true}, {"say": "back"}])).await;
    bench.when(&task, |task| task.dispatch.phase == taskwright_runner::registry::Phase::Hibernating).await;
    bench.session.transfer(std::slice::from_ref(&task.id), &successor()).await.unwrap();
    let there = bench.runner.session(successor());
    there.send(&task.id, vec![Part::Text("up".into())], None).await.unwrap();
    let done = there.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.session_id.clone()), (State::Succeeded, successor()), "{:?}", done.error);
}

// L46
async fn closing_ends_keeps_and_moves_tasks_that_run(bench: Bench) {
    bench.runner.serve();
    let begin = async |policy, steps| {
        let task =
            bench.session.task("walkthrough", json!({"steps": steps})).close_policy(policy).create().await.unwrap();
        bench.until(&task, State::AwaitingInput).await;
        task
    };
    let ask = || json!([{"ask": {"prompt": "well?"}}]);
    let (kept, ended) = (begin(ClosePolicy::Keep, ask()).await, begin(ClosePolicy::Cancel, ask()).await);
    let moved = begin(ClosePolicy::Transfer, ask()).await;
    let order = CloseOrder { successor: Some(successor()), reason: Some("the chat is over".into()), delete: false };
    let closed = bench.session.close(order).await.unwrap();
    assert_eq!(closed.state, SessionState::Closed);
    let over = bench.session.outcome(&ended.id).await.unwrap();
    assert_eq!(over.state, State::Canceled);
    assert_eq!(over.cancel.unwrap().reason.as_deref(), Some("the chat is over"));
    let there = bench.runner.session(successor());
    for (session, task) in [(&bench.session, &kept), (&there, &moved)] {
        session.answer(&task.id, Part::Text("yes".into())).await.unwrap();
        assert_eq!(session.outcome(&task.id).await.unwrap().state, State::Succeeded);
    }
    let refused = bench.session.task("walkthrough", json!({"steps": []})).create().await.unwrap_err();
    assert!(matches!(refused, RunnerError::Store(StoreError::SessionRejected { .. })), "{refused}");
}

// L49
async fn a_canceled_tree_ends_and_begins_nothing_more(bench: Bench) {
    bench.runner.serve();
    let stay = json!({"steps": [{"say": "here"}, {"stay": true}]});
    let abort = CancelPolicy { mode: CancelMode::Abort, grace_ms: 0 };
    let of =
        |task: &taskwright_runner::registry::Task| Lineage { task_id: Some(task.id.to_string()), ..Lineage::default() };
    let root = bench.walk(json!([])).await;
    assert_eq!(bench.session.outcome(&root.id).await.unwrap().state, State::Succeeded);
    let child =
        bench.session.task("walkthrough", stay.clone()).parent(of(&root)).cancel_policy(abort).create().await.unwrap();
    let below =
        bench.session.task("walkthrough", stay.clone()).parent(of(&child)).cancel_policy(abort).create().await.unwrap();
    let beside =
        bench.session.task("walkthrough", json!({"steps": [{"ask": {"prompt": "well?"}}]})).create().await.unwrap();
    for task in [&child, &below] {
        bench.until(task, State::Running).await;
    }
    let count = bench.session.cancel_many(CancelScope::Tree(root.id.clone()), None).await.unwrap();
    assert_eq!((count.signalled, count.again), (2, 0), "through the root that was over");
    for task in [&child, &below] {
        assert_eq!(bench.session.outcome(&task.id).await.unwrap().state, State::Canceled);
    }
    for parent in [&root, &child] {
        let late = bench.session.task("walkthrough", stay.clone()).parent(of(parent)).create().await.unwrap_err();
        assert!(late.to_string().contains(parent.id.as_str()), "{late}");
    }
    bench.until(&beside, State::AwaitingInput).await;
}

crate::over_each_store_and_code!(
    a_task_that_runs_goes_on_where_it_was_moved_to,
    a_task_that_sleeps_wakes_where_it_was_moved_to,
    closing_ends_keeps_and_moves_tasks_that_run,
    a_canceled_tree_ends_and_begins_nothing_more,
);
