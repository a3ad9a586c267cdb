//! A kind that is taken away between a claim and its instance.
//! Does not test what becomes of instances that are there: `lifecycle` does.

use std::sync::{Arc, Mutex};

use serde_json::json;
use taskwright_runner::Runner;
use taskwright_runner::registry::{Part, Phase, SessionId, State, TaskId};
use taskwright_runner::store::{Store, StoreError};
use taskwright_system_tests::{Watch, WatchedWalkthrough};

use crate::stage::{Stage, act};

/// Whose kind is removed when which task has been claimed.
type Plan = Arc<Mutex<Option<(Runner, SessionId, TaskId)>>>;

/// A store by way of which a claim comes back after the kind was removed.
struct Late {
    inner: Arc<dyn Store>,
    plan: Plan,
}

impl Late {
    async fn through<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let reply = call.await;
        let planned = self.plan.lock().unwrap().clone();
        if verb == "claim"
            && let Some((runner, session, id)) = planned
            && self.inner.get(&session, &id).await?.dispatch.phase == Phase::Resident
        {
            self.plan.lock().unwrap().take();
            assert!(runner.remove_kind("walkthrough"));
        }
        reply
    }
}

taskwright_runner::store::store_through!(Late);

#[test]
fn a_task_whose_kind_is_removed_after_the_claim_sleeps_on_and_is_not_started_again() {
    act(async {
        let (stage, plan, watch) = (Stage::new(), Plan::default(), Watch::default());
        let late = Arc::new(Late { inner: stage.store.clone(), plan: plan.clone() });
        let host = stage.host(late, WatchedWalkthrough(watch.clone()));
        host.serve();
        let task = stage.walk(json!([{"wait": true}, {"say": "back"}])).create().await.unwrap();
        stage.when(&task.id, |task| task.dispatch.phase == Phase::Hibernating).await;
        *plan.lock().unwrap() = Some((host.clone(), stage.session.id().clone(), task.id.clone()));
        stage.session.send(&task.id, vec![Part::Text("wake up".to_owned())], None).await.unwrap();
        let back = stage.when(&task.id, |task| task.dispatch.claim == 2 && task.dispatch.host.is_none()).await;
        assert_eq!((back.dispatch.phase, back.attempt), (Phase::Hibernating, 1));
        assert!(plan.lock().unwrap().is_none(), "it was removed");
        let other = stage.host(stage.store.clone(), WatchedWalkthrough(watch.clone()));
        other.serve();
        let done = stage.session.outcome(&task.id).await.unwrap();
        assert_eq!((done.state, done.attempt, watch.starts(&task.id)), (State::Succeeded, 1, 1));
    });
}
