//! Tasks that move to another session while their instances are at work.
//! Does not test what a store moves: the conformance suite does.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures::FutureExt;
use serde_json::json;
use taskwright_runner::registry::{EventBody, Part, SessionId, State, TaskId, WakeCause, WakePolicy};
use taskwright_runner::sandbox::{AttemptHost, Child, NewChild, Step};
use taskwright_runner::store::{MessagePage, Store, StoreError};
use taskwright_runner::{EventStream, RunnerError, RunnerParts, SessionFiles};
use taskwright_system_tests::{Fault, FaultPlan, FaultStore, as_user, store_on_virtual_time};
use tokio::sync::{Semaphore, mpsc};

use crate::odd_kind::Odd;
use crate::within;

/// The type of the last event, and the task that it is about.
async fn last(mut log: EventStream) -> (&'static str, TaskId) {
    let mut last = None;
    while let Some(event) = log.try_next().await.expect("the log") {
        last = Some((event.body.type_name(), event.task_id));
    }
    last.expect("a log that is not empty")
}

fn ids(children: &[Child]) -> Vec<&str> {
    children.iter().map(|child| child.id.as_str()).collect()
}

/// A task that begins a child, is moved, and then does everything that writes.
async fn moves_while_it_works(store: Arc<dyn Store>) {
    let runner = RunnerParts::new(store, SessionFiles::in_memory()).runner();
    let (out, mut begun) = mpsc::unbounded_channel();
    let moved = Arc::new(Semaphore::new(0));
    let until = moved.clone();
    let kind = Odd::new(move |host: Arc<dyn AttemptHost>, task| {
        let (out, moved) = (out.clone(), until.clone());
        async move {
            if task.task.depth > 0 {
                // It works until it is stopped.
                return std::future::pending().await;
            }
            let child = host.spawn(NewChild::new("helper", "odd", json!({})), None).await?;
            out.send(child.id.clone()).unwrap();
            drop(moved.acquire().await.unwrap());
            let found = host.children(None).await?;
            let said = host.message_child(child.id.clone(), vec![Part::Text("I have moved".to_owned())], None).await?;
            let looked = host.child(child.id.clone()).await?;
            assert_eq!((looked.id.as_str(), said.starts_with("tmsg_")), (child.id.as_str(), true));
            let again = host.spawn(NewChild::new("helper", "odd", json!({})), None).await?;
            host.state(Some("settled in".to_owned())).await?;
            host.checkpoint(b"here".to_vec()).await?;
            host.post(vec![Part::Text("I have moved".to_owned())], None).await?;
            host.cancel_child(child.id.clone(), None).await?;
            Ok(Step::Succeeded { summary: None, result: Some(json!([ids(&found), [again.id]])) })
        }
    });
    runner.add_native_kind(kind).unwrap();
    runner.serve();
    let [here, there] = ["here", "there"].map(|id| runner.session(id.parse::<SessionId>().unwrap()));
    as_user(async {
        let task = here.task("odd", json!({})).wake(WakePolicy::OnActivity).create().await.unwrap();
        let child = begun.recv().await.unwrap();
        here.transfer(std::slice::from_ref(&task.id), there.id()).await.unwrap();
        moved.add_permits(1);
        let done = there.outcome(&task.id).await.unwrap();
        assert_eq!((done.state, done.attempt, done.crashes), (State::Succeeded, 1, 0), "{:?}", done.error);
        assert_eq!(there.result(&task.id).await.unwrap(), Some(json!([[child], [child]])));
        let said = there.messages(&task.id, &MessagePage::default()).await.unwrap();
        assert_eq!(said.len(), 1);
        let causes: Vec<_> = there.wakes(10).await.unwrap().into_iter().map(|wake| wake.cause).collect();
        let message_id = said[0].id.clone();
        let state = State::Succeeded;
        assert_eq!(causes, [WakeCause::Message { message_id }, WakeCause::Terminal { state }]);
        assert_eq!(there.outcome(&child.parse().unwrap()).await.unwrap().state, State::Canceled);
        let gone = here.get(&task.id).await.unwrap_err();
        assert!(matches!(gone, RunnerError::Store(StoreError::NotFound { .. })), "{gone}");
        assert_eq!(here.wakes(10).await.unwrap(), []);
        assert_eq!(last(here.task_events(&task.id, 0)).await, ("task.transferred", task.id.clone()));
        let mut log = there.task_events(&task.id, 0);
        assert!(matches!(log.next().await.unwrap().body, EventBody::Transferred { .. }));
        assert_eq!(last(log).await, ("task.updated", task.id));
    })
    .await;
    runner.drain().await;
}

// L48: a completion was lost when its task had been transferred.
#[tokio::test(start_paused = true)]
async fn a_task_that_moves_while_it_works_ends_where_it_is_with_what_it_has_begun() {
    within(moves_while_it_works(Arc::new(store_on_virtual_time()))).await;
}

// L48
#[tokio::test(start_paused = true)]
async fn a_task_that_moves_ends_where_it_is_whichever_call_to_the_store_fails() {
    for fault in [Fault::Before, Fault::After] {
        for nth in 1.. {
            let plan = FaultPlan::new(nth, fault);
            let store = FaultStore::new(Arc::new(store_on_virtual_time()), plan.clone());
            let run = AssertUnwindSafe(within(moves_while_it_works(Arc::new(store)))).catch_unwind();
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
