//! A store that refuses a call for good, or everything from a moment on: what becomes of tasks, and that a host comes to its end.
//! Does not fail calls that are repeated: the crash explorer does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use taskwright_runner::registry::{Recovery, State};
use taskwright_runner::sandbox::Step;
use taskwright_runner::store::{MemoryStore, Store};
use taskwright_runner::{Drained, Runner, RunnerConfig, RunnerParts, SessionFiles};
use taskwright_system_tests::{Fault, FaultPlan, FaultStore, as_user, store_on_virtual_time};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::odd_kind::Odd;
use crate::within;

fn runner(store: MemoryStore, plan: &Arc<FaultPlan>, config: RunnerConfig) -> (Runner, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Arc::new(FaultStore::new(Arc::new(store), plan.clone()));
    let parts = RunnerParts::new(store.clone(), SessionFiles::in_memory());
    (parts.config(RunnerConfig { seed: Some(1), ..config }).runner(), store)
}

// L3: where it was the outcome, the task says that it is lost.
#[tokio::test(start_paused = true)]
async fn a_refused_call_never_leaves_a_task_without_its_end() {
    let mut lost = 0;
    for nth in 1.. {
        let plan = FaultPlan::new(nth, Fault::Refused);
        let (runner, store) = runner(store_on_virtual_time(), &plan, RunnerConfig::default());
        let kind = Odd::new(async |_, _| Ok(Step::Succeeded { summary: None, result: Some(json!("a result")) }));
        runner.add_native_kind(kind).unwrap();
        let session = runner.session("here".parse().unwrap());
        let task = as_user(session.task("odd", json!({})).create()).await.unwrap();
        runner.serve();
        let done = within(as_user(session.outcome(&task.id))).await.unwrap();
        match done.error {
            None => assert_eq!(done.state, State::Succeeded),
            Some(error) => {
                assert_eq!((done.state, error.kind.as_str()), (State::Failed, "store_refused"), "{error:?}");
                assert!(error.message.contains("`update` was made to be refused"), "{error:?}");
                assert_eq!(as_user(store.result(&task.session_id, &task.id)).await.unwrap(), None);
                lost += 1;
            }
        }
        assert_eq!(within(runner.drain()).await, Drained { left: 0 });
        // Calls that come with time are not counted: what a task needs is behind it by then.
        if nth > 40 {
            break;
        }
    }
    assert!(lost > 0, "no outcome was refused");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_whatever_the_store_says() {
    for fault in [Fault::Before, Fault::After, Fault::Refused, Fault::Silent] {
        for recovery in [Recovery::Reattach, Recovery::HostBound] {
            let plan = FaultPlan::new(0, Fault::Before);
            let config = RunnerConfig { drain_grace: Duration::from_secs(3), ..RunnerConfig::default() };
            let (runner, _) = runner(store_on_virtual_time(), &plan, config);
            let (out, mut begun) = mpsc::unbounded_channel();
            let kind = Odd::new(move |_, _| {
                out.send(()).unwrap();
                std::future::pending()
            });
            runner.add_native_kind(kind).unwrap();
            runner.serve();
            let session = runner.session("here".parse().unwrap());
            let made = session.task("odd", json!({})).recovery(recovery).create();
            as_user(made).await.unwrap();
            begun.recv().await.unwrap();
            plan.break_for_good(fault);
            let asked = Instant::now();
            // Only a write whose reply was lost has been written.
            let left = usize::from(fault != Fault::After);
            assert_eq!(within(runner.drain()).await, Drained { left }, "{fault:?}");
            assert!(asked.elapsed() <= Duration::from_secs(3 + 13), "{fault:?}: {:?}", asked.elapsed());
            assert_eq!(runner.resident(), 0, "{fault:?}");
        }
    }
}
