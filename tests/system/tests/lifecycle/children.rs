//! Children through the whole system: an honest parent, bombs, forged ids, grants that are not widened.
//! The rules for a single child are tested in the store's conformance suite.

use std::time::Duration;

use serde_json::{Value, json};
use taskwright_runner::registry::{Budget, Lineage, Part, State, Supersede, Task, TaskUpdate};
use taskwright_runner::sandbox::{Grants, SpawnGrant};
use taskwright_runner::store::{TaskFilter, TaskQuery};
use taskwright_runner::{KindSettings, RunnerConfig};
use taskwright_test_guests as guests;

use crate::bench_of_one::Bench;

fn grant() -> SpawnGrant {
    SpawnGrant { max_live: 8, per_minute: 30, ..SpawnGrant::new(vec!["parent".to_owned(), "walkthrough".to_owned()]) }
}

async fn add(bench: &Bench, settings: KindSettings) {
    bench.runner.add_kind(guests::PARENT_SCRIPT, settings).await.unwrap();
}

async fn parent(bench: &Bench, script: &str) -> Task {
    bench.session.task("parent", json!(script)).create().await.unwrap()
}

/// What came of each command of a task that succeeds.
async fn came(bench: &Bench, task: &Task) -> Vec<String> {
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!(done.state, State::Succeeded, "{:?}", done.error);
    let result: Value = bench.session.result(&task.id).await.unwrap().unwrap();
    serde_json::from_value(result).unwrap()
}

/// What ends a parent that stays.
async fn go_on(bench: &Bench, task: &Task) {
    bench.session.send(&task.id, vec![Part::Text("go on".to_owned())], None).await.unwrap();
}

async fn all(bench: &Bench) -> Vec<Task> {
    let filter = TaskFilter { ..TaskFilter::all() };
    bench.session.list(&TaskQuery { filter, limit: 500, ..TaskQuery::default() }).await.unwrap().tasks
}

// L41
async fn an_honest_parent_begins_three_children_and_gathers_what_they_leave(bench: Bench) {
    // One place for all of them: who waits for a child does not take the place that it needs.
    let bench = bench.with_config(RunnerConfig { slots: 1, ..RunnerConfig::default() }).await;
    add(&bench, KindSettings::default().spawner(grant())).await;
    bench.runner.serve();
    let script = "spawn a parent children; spawn b parent children,child_none; spawn c parent fail; \
                  wait a -; wait b -; wait c -; result a; child c; result c; children; children a; wait a,b 0";
    let lineage = Lineage { run_id: Some("run".to_owned()), ..Lineage::default() };
    let task = bench.session.task("parent", json!(script)).parent(lineage).create().await.unwrap();
    let came = came(&bench, &task).await;
    assert_eq!(came[..3], ["ok", "ok", "ok"]);
    assert_eq!(came[3..6], ["child a Succeeded", "child b Succeeded", "child c Failed on_purpose"].map(str::to_owned));
    assert_eq!(came[6], r#"["0"]"#);
    assert_eq!(came[7..], ["Failed on_purpose", "none", "3", "2", "child a Succeeded"].map(str::to_owned));
    let children: Vec<_> = all(&bench).await.into_iter().filter(|child| child.depth == 1).collect();
    assert_eq!(children.len(), 3);
    for child in children {
        assert_eq!(child.parent.task_id.as_deref(), Some(task.id.as_str()));
        assert_eq!((child.parent.run_id.as_deref(), child.producer.as_deref()), (Some("run"), Some("parent")));
        assert_eq!(child.budget.messages, 7, "its parent's wish");
        assert_eq!(child.budget.cpu_ms, Budget::default().cpu_ms, "what its parent is allowed");
    }
}

// L42
async fn a_parent_that_lies_down_is_woken_by_the_end_of_a_child(bench: Bench) {
    add(&bench, KindSettings::default().spawner(grant())).await;
    bench.runner.serve();
    let task = parent(&bench, "spawn a parent stay; hibernate; spawn a parent stay; child a; result a").await;
    let asleep = bench.when(&task, |task| task.dispatch.host.is_none() && task.dispatch.claim == 1).await;
    assert_eq!(asleep.dispatch.due_at, None);
    let child = all(&bench).await.into_iter().find(|child| child.depth == 1).unwrap();
    bench.when(&child, |child| child.state_detail.is_some()).await;
    go_on(&bench, &child).await;
    // The fresh instance finds its child by the name of the call.
    assert_eq!(came(&bench, &task).await, ["ok", "Succeeded", r#"["heard"]"#]);
    assert_eq!(all(&bench).await.len(), 2);
}

// L41
async fn a_bomb_of_children_stops_at_its_limits_and_the_others_go_on(bench: Bench) {
    let settings = KindSettings::default().spawner(grant());
    add(&bench, settings.budget(Budget { children: 6, ..Budget::UNLIMITED })).await;
    bench.runner.serve();
    let deep = "spawn_a_parent_";
    // A child may begin one of its own.
    let inner = "spawn a parent children; wait a -; result a";
    let script = format!("spawn a parent {deep}children,wait_a_-,result_a; wait a -; result a");
    let first = parent(&bench, &script).await;
    assert_eq!(came(&bench, &first).await[1], "child a Succeeded");
    assert_eq!(came(&bench, &parent(&bench, inner).await).await[0], "ok");
    let wide = parent(&bench, "breadth parent children; children").await;
    assert_eq!(came(&bench, &wide).await, ["6 and limit children 6", "6"]);
    bench
        .runner
        .set_grants("parent", Grants { spawner: Some(SpawnGrant { max_live: 2, ..grant() }), ..Grants::default() })
        .unwrap();
    let live = parent(&bench, "breadth parent stay; children").await;
    assert_eq!(came(&bench, &live).await, ["2 and limit children_live 2", "2"]);
    let rate = Grants { spawner: Some(SpawnGrant { per_minute: 3, ..grant() }), ..Grants::default() };
    bench.runner.set_grants("parent", rate).unwrap();
    let fast = parent(&bench, "breadth parent children").await;
    assert_eq!(came(&bench, &fast).await, ["3 and limit children_per_minute 3"]);
    let flat = Grants { spawner: Some(SpawnGrant { max_depth: 1, ..grant() }), ..Grants::default() };
    bench.runner.set_grants("parent", flat).unwrap();
    let below = parent(&bench, "spawn a parent spawn_b_parent_children; wait a -; result a").await;
    assert_eq!(came(&bench, &below).await[2], r#"["limit children_depth 1"]"#);
}

// L23, L41
async fn a_task_that_is_no_child_is_answered_like_one_that_does_not_exist(bench: Bench) {
    add(&bench, KindSettings::default().spawner(grant())).await;
    bench.runner.serve();
    let neighbour = parent(&bench, "stay").await;
    let other =
        bench.runner.session("elsewhere".parse().unwrap()).task("parent", json!("stay")).create().await.unwrap();
    let unknown = neighbour.id.as_str().replace(|c: char| c.is_ascii_digit(), "0");
    let mut answers = Vec::new();
    for id in [neighbour.id.as_str(), other.id.as_str(), &unknown, "nonsense"] {
        let script =
            format!("child {id}; result {id}; wait {id} -; cancel {id}; message {id}; children {id}; wait {id} 0");
        let came = came(&bench, &parent(&bench, &script).await).await;
        assert!(came.iter().all(|answer| answer.starts_with("invalid: id: this task has no child")), "{came:?}");
        answers.push(came.join("\n").replace(id, "ID"));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let own = parent(&bench, "stay; children").await;
    // The session says that this one is its parent; no instance of it has begun it.
    let named = Lineage { task_id: Some(own.id.to_string()), ..Lineage::default() };
    let named = bench.session.task("parent", json!("children")).parent(named).create().await.unwrap();
    bench.session.outcome(&named.id).await.unwrap();
    go_on(&bench, &own).await;
    assert_eq!(came(&bench, &own).await, ["heard", "0"]);
    for untouched in [neighbour, other] {
        let found = bench.store.get(&untouched.session_id, &untouched.id).await.unwrap();
        assert!(found.state.is_live() && found.cancel.is_none() && found.dispatch.unread == 0);
    }
}

// L41
async fn an_attempt_that_is_taken_up_again_begins_no_child_twice(bench: Bench) {
    add(&bench, KindSettings::default().spawner(grant())).await;
    bench.runner.serve();
    let task = parent(&bench, "spawn a parent stay; spawn b parent children; stay; children").await;
    bench.when(&task, |task| task.state_detail.is_some()).await;
    let lost = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
    bench.store.update(&task.session_id, &task.id, lost).await.unwrap();
    bench.when(&task, |task| task.attempt == 2 && task.dispatch.host.is_some()).await;
    go_on(&bench, &task).await;
    assert_eq!(came(&bench, &task).await[3], "2");
    assert_eq!(all(&bench).await.len(), 3);
}

// L41
async fn a_task_that_is_to_end_begins_no_further_child(bench: Bench) {
    add(&bench, KindSettings::default().spawner(grant())).await;
    bench.runner.serve();
    let task = parent(&bench, "spawn a parent stay; stay; spawn b parent stay; cancel a").await;
    bench.when(&task, |task| task.state_detail.is_some()).await;
    bench.session.cancel(&task.id, None).await.unwrap();
    go_on(&bench, &task).await;
    let done = bench.session.outcome(&task.id).await.unwrap();
    let came: Vec<String> = serde_json::from_value(bench.session.result(&task.id).await.unwrap().unwrap()).unwrap();
    assert_eq!(done.state, State::Succeeded);
    assert!(came[2].starts_with("denied: "), "{came:?}");
    assert_eq!(came[3], "ok");
}

async fn a_child_is_granted_no_more_than_its_parent_also_after_a_restart(bench: Bench) {
    let docs = tempfile::tempdir().unwrap();
    std::fs::write(docs.path().join("a"), "text").unwrap();
    let kinds = vec!["parent".to_owned(), "helper".to_owned()];
    let spawner = SpawnGrant::new(kinds);
    // The same behaviour under two names, one of which may do more.
    let rich = KindSettings::default().spawner(spawner.clone()).task_folder().folder_writable("docs", docs.path());
    let poor = KindSettings::default().spawner(spawner.clone());
    add(&bench, poor.clone()).await;
    bench.runner.add_kind(guests::HELPER_SCRIPT, rich.clone()).await.unwrap();
    bench.runner.serve();
    let tries = "ls_/docs,write_/docs/b,write_/task/a";
    let text = format!("spawn a helper {tries}; wait a -; result a");
    let nothing = r#"["NotFound","NotFound","NotFound"]"#;
    assert_eq!(came(&bench, &parent(&bench, &text).await).await[2], nothing);
    // On its own it may.
    let alone = bench.session.task("helper", json!("ls /docs; write /docs/b; write /task/a")).create().await.unwrap();
    assert_eq!(came(&bench, &alone).await, ["1", "ok", "ok"]);
    // A grandchild is bounded by all that came before it.
    let text = "spawn a helper spawn_b_helper_stay,stay; wait a 0; stay";
    let first = parent(&bench, text).await;
    let grandchild = loop {
        if let Some(found) = all(&bench).await.into_iter().find(|task| task.depth == 2) {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(grandchild.granted_within, ["parent", "helper"]);
    bench.runner.drain().await;
    let again = bench.with_config(RunnerConfig::default()).await;
    add(&again, poor).await;
    again.runner.add_kind(guests::HELPER_SCRIPT, rich.clone()).await.unwrap();
    again.runner.serve();
    let child = again.session.get(&grandchild.id).await.unwrap();
    assert_eq!(child.granted_within, ["parent", "helper"]);
    let own =
        again.session.task("helper", json!("spawn a helper ls_/docs; wait a -; result a")).create().await.unwrap();
    assert_eq!(came(&again, &own).await[2], r#"["2"]"#);
    // Delegated, it has what its own kind has.
    let spawner = SpawnGrant { delegates: vec!["helper".to_owned()], ..spawner };
    again.runner.set_grants("parent", Grants { spawner: Some(spawner), ..Grants::default() }).unwrap();
    let text = format!("spawn a helper {tries}; wait a -; result a");
    assert_eq!(came(&again, &parent(&again, &text).await).await[2], r#"["2","ok","ok"]"#);
    again.session.abort(&first.id, None).await.unwrap();
}

crate::cases!(
    memory,
    Memory,
    Component,
    an_honest_parent_begins_three_children_and_gathers_what_they_leave,
    a_parent_that_lies_down_is_woken_by_the_end_of_a_child,
    a_bomb_of_children_stops_at_its_limits_and_the_others_go_on,
    a_task_that_is_no_child_is_answered_like_one_that_does_not_exist,
    an_attempt_that_is_taken_up_again_begins_no_child_twice,
    a_task_that_is_to_end_begins_no_further_child,
    a_child_is_granted_no_more_than_its_parent_also_after_a_restart
);
crate::cases!(
    sqlite,
    Sqlite,
    Component,
    an_honest_parent_begins_three_children_and_gathers_what_they_leave,
    a_parent_that_lies_down_is_woken_by_the_end_of_a_child,
    a_bomb_of_children_stops_at_its_limits_and_the_others_go_on,
    a_task_that_is_no_child_is_answered_like_one_that_does_not_exist,
    an_attempt_that_is_taken_up_again_begins_no_child_twice,
    a_task_that_is_to_end_begins_no_further_child,
    a_child_is_granted_no_more_than_its_parent_also_after_a_restart
);
