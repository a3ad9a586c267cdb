//! New code of a kind while tasks of it live.
//! Does not install any: the command line does.

use serde_json::json;
use taskwright_runner::registry::{Part, Phase, State, Task};
use taskwright_runner::sandbox::Grants;
use taskwright_runner::{KindSettings, RunnerError};

use crate::bench_of_one::Bench;

/// The walkthrough as other code that does the same: with a custom section more.
fn other_code(note: &str) -> Vec<u8> {
    let length = |n: usize| u8::try_from(n).expect("a short note");
    let mut wasm = taskwright_components::WALKTHROUGH.to_vec();
    wasm.extend([0, length(note.len() + 1), length(note.len())]);
    wasm.extend(note.as_bytes());
    wasm
}

async fn begun(bench: &Bench) -> Task {
    let task = bench.walk(json!([{"wait": true}, {"say": "back"}])).await;
    bench.when(&task, |task| task.dispatch.phase == Phase::Hibernating).await
}

// L43
async fn tasks_go_on_with_the_code_that_they_began_with(bench: Bench) {
    bench.runner.serve();
    let old = begun(&bench).await;
    bench.runner.upgrade_kind(&other_code("newer"), KindSettings::default()).await.unwrap();
    let new = begun(&bench).await;
    assert!(old.dispatch.code.is_some() && new.dispatch.code.is_some());
    assert_ne!(old.dispatch.code, new.dispatch.code);
    for task in [&old, &new] {
        bench.session.send(&task.id, vec![Part::Text("wake up".into())], None).await.unwrap();
        let done = bench.session.outcome(&task.id).await.unwrap();
        assert_eq!((done.state, &done.dispatch.code), (State::Succeeded, &task.dispatch.code), "{:?}", done.error);
    }
    // What was the newest once can be so again, and that is no second version.
    bench.runner.upgrade_kind(taskwright_components::WALKTHROUGH, KindSettings::default()).await.unwrap();
    assert_eq!(begun(&bench).await.dispatch.code, old.dispatch.code);
}

// L43
async fn a_task_whose_code_is_gone_waits_until_it_is_back(bench: Bench) {
    bench.runner.upgrade_kind(&other_code("gone"), KindSettings::default()).await.unwrap();
    bench.runner.serve();
    let old = begun(&bench).await;
    bench.runner.drain().await;
    let bench = bench.restarted().await;
    bench.runner.serve();
    bench.session.send(&old.id, vec![Part::Text("wake up".into())], None).await.unwrap();
    // Work of the code that is there goes by it.
    assert_eq!(bench.outcome_of(json!([{"say": "hi"}])).await.state, State::Succeeded);
    let waits = bench.session.get(&old.id).await.unwrap();
    assert_eq!((waits.dispatch.phase, waits.attempt, waits.error), (Phase::Hibernating, 1, None));
    let needed = bench.store.code_in_use().await.unwrap();
    assert_eq!(needed.iter().map(|in_use| (&in_use.code, in_use.tasks)).collect::<Vec<_>>(), [(&old.dispatch.code, 1)]);
    // At once: nobody waits for the next look at the store.
    bench.runner.keep_kind(&other_code("gone"), KindSettings::default()).await.unwrap();
    let done = bench.session.outcome(&old.id).await.unwrap();
    assert_eq!((done.state, done.attempt), (State::Succeeded, 1), "{:?}", done.error);
}

async fn a_kind_that_was_removed_takes_no_tasks_and_its_instances_go_on(bench: Bench) {
    bench.runner.serve();
    let task = bench.walk(json!([{"say": "here"}, {"receive": true}])).await;
    // Its instance is there: a claim alone could still be given back.
    bench.when(&task, |task| task.checkpoint.is_some()).await;
    assert!(bench.runner.remove_kind("walkthrough"));
    let refused = bench.session.task("walkthrough", json!({})).create().await;
    assert!(matches!(refused, Err(RunnerError::UnknownKind { .. })), "{refused:?}");
    bench.session.send(&task.id, vec![Part::Text("go on".into())], None).await.unwrap();
    assert_eq!(bench.session.outcome(&task.id).await.unwrap().state, State::Succeeded);
    assert!(!bench.runner.remove_kind("walkthrough"), "it is gone");
}

async fn what_is_revoked_is_gone_for_instances_that_are_made_from_then_on(bench: Bench) {
    std::fs::write(bench.folder.path().join("one.txt"), "loud").unwrap();
    let allowed = KindSettings::default().folder("files", bench.folder.path());
    bench.runner.add_kind(taskwright_components::SEARCH_FILES, allowed.clone()).await.unwrap();
    bench.runner.serve();
    let search = async || {
        let task = bench.session.task("search-files", json!({"pattern": "loud"})).create().await.unwrap();
        bench.session.outcome(&task.id).await.unwrap().state
    };
    assert_eq!(search().await, State::Succeeded);
    bench.runner.set_grants("search-files", Grants::default()).unwrap();
    assert_eq!(search().await, State::Failed);
    bench.runner.set_settings("search-files", allowed).unwrap();
    assert_eq!(search().await, State::Succeeded);
    assert!(bench.runner.set_grants("unknown", Grants::default()).is_err());
}

crate::over_each_store!(
    tasks_go_on_with_the_code_that_they_began_with,
    a_task_whose_code_is_gone_waits_until_it_is_back,
);

// Not explored: where a claim fails after the kind was removed, nobody is left who has it; and there is nothing in the
// other that a store could fail at.
crate::cases!(
    live,
    Sqlite,
    Component,
    a_kind_that_was_removed_takes_no_tasks_and_its_instances_go_on,
    what_is_revoked_is_gone_for_instances_that_are_made_from_then_on
);
