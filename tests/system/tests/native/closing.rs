//! Sessions that are closed and deleted while their tasks are at work.
//! Does not test what each policy means for a record: the conformance suite does.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures::FutureExt;
use serde_json::json;
use taskwright_runner::registry::{CloseOrder, ClosePolicy, Part, SessionState, State, Task};
use taskwright_runner::store::{Store, StoreError, TaskFilter, TaskQuery};
use taskwright_runner::{RunnerError, RunnerParts, Session, SessionFiles};
use taskwright_system_tests::{Fault, FaultPlan, FaultStore, NativeWalkthrough, as_user, store_on_virtual_time};

use crate::within;

/// What a user does who is told that the store cannot be used, or that nobody knows: the same again.
async fn again<T, F: Future<Output = Result<T, RunnerError>>>(call: impl Fn() -> F) -> Result<T, RunnerError> {
    loop {
        match call().await {
            Err(RunnerError::Store(StoreError::Unavailable { .. } | StoreError::Unknown { .. })) => {}
            other => return other,
        }
    }
}

async fn finish(session: &Session, task: &Task) {
    session.send(&task.id, vec![Part::Text("finish".to_owned())], None).await.unwrap();
    assert_eq!(session.outcome(&task.id).await.unwrap().state, State::Succeeded);
}

/// A session with a task of each policy is closed, and deleted when what it keeps is over.
async fn closes_with_tasks_at_work(store: Arc<dyn Store>) {
    let runner = RunnerParts::new(store.clone(), SessionFiles::in_memory()).runner();
    runner.add_native_kind(NativeWalkthrough).unwrap();
    runner.serve();
    let [here, there] = ["here", "there"].map(|id| runner.session(id.parse().unwrap()));
    let [keeps, ends, moves] = as_user(async {
        let mut tasks = Vec::new();
        for policy in [ClosePolicy::Keep, ClosePolicy::Cancel, ClosePolicy::Transfer] {
            let spec = json!({"steps": [{"stay": true}]});
            let task = here.task("walkthrough", spec).close_policy(policy).create().await.unwrap();
            here.wait_until(&task.id, None, |task| task.state == State::Running).await.unwrap();
            tasks.push(task);
        }
        <[Task; 3]>::try_from(tasks).unwrap()
    })
    .await;
    let order = CloseOrder { successor: Some(there.id().clone()), ..CloseOrder::default() };
    let closed = again(|| here.close(order.clone())).await.unwrap();
    assert_eq!(closed.state, SessionState::Closed);
    as_user(async {
        assert_eq!(here.outcome(&ends.id).await.unwrap().state, State::Canceled);
        let moved = there.get(&moves.id).await.unwrap();
        assert_eq!((moved.state, moved.attempt, moved.cancel), (State::Running, 1, None));
        finish(&there, &moves).await;
    })
    .await;
    // It is gone at once if nothing is live in it, and else when whoever serves finds that so.
    match again(|| here.delete()).await {
        Ok(gone) => assert!(!gone, "a task is kept and live"),
        Err(other) => panic!("{other}"),
    }
    as_user(async {
        let mut changes = store.changes();
        here.send(&keeps.id, vec![Part::Text("finish".to_owned())], None).await.unwrap();
        while !matches!(here.record().await, Err(RunnerError::Store(StoreError::NoSession { .. }))) {
            changes.recv().await.unwrap();
        }
        let all = TaskFilter::all();
        let left = here.list(&TaskQuery { filter: all, ..TaskQuery::default() }).await.unwrap();
        assert_eq!(left.tasks, []);
        assert_eq!(here.events(0).try_next().await.unwrap(), None);
        assert_eq!(there.get(&moves.id).await.unwrap().state, State::Succeeded, "what has moved stays");
    })
    .await;
    runner.drain().await;
}

// L46, L50: policies were stored and never acted.
#[tokio::test(start_paused = true)]
async fn each_close_policy_acts_whichever_call_to_the_store_fails() {
    for fault in [Fault::Before, Fault::After] {
        for nth in 1.. {
            let plan = FaultPlan::new(nth, fault);
            let store = FaultStore::new(Arc::new(store_on_virtual_time()), plan.clone());
            let run = AssertUnwindSafe(within(closes_with_tasks_at_work(Arc::new(store)))).catch_unwind();
            if let Err(panic) = run.await {
                eprintln!("call {nth} failed ({fault:?}), which was {:?}", plan.hit());
                resume_unwind(panic);
            }
            if plan.hit().is_none() {
                assert!(nth > 20, "only {nth} calls were made");
                break;
            }
        }
    }
}
