//! Engines: none where none is needed, one where several runners share it.

use std::sync::Arc;

use serde_json::json;
use taskwright_runner::registry::State;
use taskwright_runner::sandbox::{Sandbox, SandboxConfig};
use taskwright_runner::store::MemoryStore;
use taskwright_runner::{KindSettings, RunnerError, RunnerParts, SessionFiles};
use taskwright_system_tests::NativeWalkthrough;

use crate::{runner_without_engine, within};

#[tokio::test]
async fn a_runner_of_native_kinds_sets_up_no_engine() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner_without_engine(folder.path());
        runner.add_native_kind(NativeWalkthrough).unwrap();
        runner.serve();
        let session = runner.session("here".parse().unwrap());
        let task = session.task("walkthrough", json!({"steps": [{"say": "hello"}]})).create().await.unwrap();
        assert_eq!(session.outcome(&task.id).await.unwrap().state, State::Succeeded);
        // The first component is what an engine is set up for, and here that cannot be.
        let refused = runner.add_kind(taskwright_components::SEARCH_FILES, KindSettings::default()).await;
        assert!(matches!(refused, Err(RunnerError::Sandbox(_))), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn several_runners_share_the_room_of_one_sandbox() {
    within(async {
        let sandbox = Sandbox::new(SandboxConfig { max_instances: 1, ..SandboxConfig::default() }).unwrap();
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let parts = RunnerParts::new(Arc::new(MemoryStore::new()), SessionFiles::in_memory());
            let runner = parts.sandbox(&sandbox).runner();
            runner.add_kind(taskwright_components::WALKTHROUGH, KindSettings::default()).await.unwrap();
            runner.serve();
            sessions.push(runner.session("here".parse().unwrap()));
        }
        let [one, two] = &sessions[..] else { panic!("two sessions") };
        let holds = one.task("walkthrough", json!({"steps": [{"stay": true}]})).create().await.unwrap();
        one.wait_until(&holds.id, None, |task| task.dispatch.host.is_some()).await.unwrap();
        // It is claimed and given back until the other runner's instance has made room.
        let waits = two.task("walkthrough", json!({"steps": []})).create().await.unwrap();
        two.wait_until(&waits.id, None, |task| task.dispatch.claim > 1).await.unwrap();
        one.cancel(&holds.id, None).await.unwrap();
        assert_eq!(two.outcome(&waits.id).await.unwrap().state, State::Succeeded);
    })
    .await;
}
