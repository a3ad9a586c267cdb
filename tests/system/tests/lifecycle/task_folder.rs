//! The folder of a task's own through its life: where it lies, that it stays, and that it goes.
//! What can be done in it is tested in the sandbox.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use taskwright_runner::registry::{Part, State};
use taskwright_runner::store::MemoryStore;
use taskwright_runner::{KindSettings, RunnerParts, SessionFiles};
use taskwright_test_guests as guests;

use crate::bench_of_one::Bench;

async fn it_stays_through_hibernation_and_goes_with_the_task(bench: Bench) {
    bench.runner.add_kind(guests::FILE_SCRIPT, KindSettings::default().task_folder()).await.unwrap();
    bench.runner.serve();
    let script = json!("write /task/a 10; hibernate; read /task/a; write /task/b 1");
    let task = bench.session.task("test-guest", script).create().await.unwrap();
    bench.when(&task, |task| task.dispatch.claim == 1 && task.dispatch.host.is_none()).await;
    let own = bench.folder.path().join("files/.tasks").join(task.id.as_str()).join("files");
    assert_eq!(std::fs::read(own.join("a")).unwrap().len(), 10);
    bench.session.send(&task.id, vec![Part::Text("go on".into())], None).await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Succeeded, "{:?}", done.error);
    assert_eq!(std::fs::read(own.join("b")).unwrap().len(), 1);
    assert!(done.usage.file_peak_bytes >= 11, "{:?}", done.usage);
    let neighbour = bench.session.task("test-guest", json!("ls /task")).create().await.unwrap();
    assert_eq!(bench.session.outcome(&neighbour.id).await.unwrap().state, State::Succeeded);
    assert_eq!(
        bench.session.output(&neighbour.id).await.unwrap().read().await.unwrap(),
        "ls /task: ok\n",
        "its own is empty"
    );
    bench.runner.drain().await;
    bench.runner.prune(Duration::ZERO).await.unwrap();
    assert!(!own.parent().unwrap().exists());
}

#[tokio::test]
async fn without_a_local_folder_the_task_is_told_why_it_has_none() {
    let runner = RunnerParts::new(Arc::new(MemoryStore::new()), SessionFiles::in_memory()).runner();
    runner.add_kind(guests::FILE_SCRIPT, KindSettings::default().task_folder()).await.unwrap();
    runner.serve();
    let session = runner.session("here".parse().unwrap());
    let task = session.task("test-guest", json!("ls /task")).create().await.unwrap();
    let error = session.outcome(&task.id).await.unwrap().error.unwrap();
    assert!(error.message.contains("do not grant the kind `task_folder`"), "{error:?}");
}

crate::cases!(memory, Memory, Component, it_stays_through_hibernation_and_goes_with_the_task);
crate::cases!(sqlite, Sqlite, Component, it_stays_through_hibernation_and_goes_with_the_task);
