//! Several stores on one file, in one process and in several.
//! Does not test file systems that do not lock.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use taskwright_registry::{HostId, HostRef, LeaseLength, NewTask, TaskId, TaskUpdate};
use taskwright_store::{Change, ClaimRequest, SqliteStore, Store, StoreError};

use crate::room::{Room, append, check, session};

/// Says to `the_other_process` which part it has, and where the store is.
const ROLE: &str = "TASKWRIGHT_TEST_ROLE";

/// Not a test by itself: what a child process does that the tests here start from their own binary.
#[tokio::test]
async fn the_other_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (task, path) = role.split_once(' ').expect("a task and a path");
    let store = SqliteStore::open(path, taskwright_store::SqliteOptions::default()).expect("a store");
    let id: TaskId = task.parse().expect("a task id");
    let task = store.get(&session(), &id).await.expect("the task");
    for number in 0..50 {
        let name = format!("{}-{number}", std::process::id());
        store.update(&session(), &id, append(&task, &name)).await.expect("an append");
    }
}

pub(crate) fn child(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args([test, "--exact", "--nocapture"]).env(ROLE, role).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

// L4, L15, L25, L32
#[tokio::test]
async fn several_processes_on_one_file_lose_nothing() {
    let room = Room::new();
    let store = room.open();
    let task = room.running(&store).await;
    let role = format!("{} {}", task.id, room.path().display());
    let children: Vec<_> =
        (0..3).map(|_| child("processes::the_other_process", &role).spawn().expect("a child")).collect();
    for number in 0..50 {
        store.update(&session(), &task.id, append(&task, &format!("own-{number}"))).await.unwrap();
    }
    for child in children {
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let after = store.get(&session(), &task.id).await.unwrap();
    let names: BTreeSet<_> = after.artifacts.iter().map(|artifact| &artifact.name).collect();
    assert_eq!((names.len(), after.artifacts.len()), (200, 200));
    assert_eq!(after.version, task.version + 200);
    check(&room, &store, &[task]).await;
}

// L21, L30
#[tokio::test]
async fn two_stores_on_one_file_agree_on_names_and_claims() {
    let room = Room::new();
    let stores = [room.open(), room.open()];
    let named = |random| {
        let id = TaskId::new(stores[0].now(), [random; 10]);
        NewTask { name: Some("one".to_owned()), ..NewTask::new(id, session(), "probe", serde_json::Value::Null) }
    };
    let outcomes = futures::future::join(stores[0].create(named(1)), stores[1].create(named(2))).await;
    let outcomes = [outcomes.0, outcomes.1];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(StoreError::NameTaken { .. }))));
    let request = |number: u8| {
        ClaimRequest::new(
            HostRef { id: HostId::new(stores[0].now(), [number; 10]), epoch: 1 },
            vec!["probe".into()],
            10,
        )
    };
    let (one, two) = (request(1), request(2));
    for (store, request) in stores.iter().zip([&one, &two]) {
        store.open_lease(&request.host, LeaseLength::default()).await.unwrap();
    }
    let claims = futures::future::join(stores[0].claim(&one), stores[1].claim(&two)).await;
    assert_eq!(claims.0.unwrap().len() + claims.1.unwrap().len(), 1);
}

#[tokio::test]
async fn a_commit_elsewhere_is_announced_and_an_own_one_is_not_taken_for_it() {
    let room = Room::new();
    let (here, there) = (room.open(), room.open());
    let task = room.running(&here).await;
    let mut changes = here.changes();
    let mut heard = async || {
        let next = tokio::time::timeout(Duration::from_secs(10), changes.recv()).await;
        next.expect("an announcement in time").expect("an announcement")
    };
    there.update(&session(), &task.id, append(&task, "there")).await.unwrap();
    assert_eq!(heard().await, Change::Elsewhere);
    for _ in 0..3 {
        here.update(&session(), &task.id, append(&task, "here")).await.unwrap();
        assert!(matches!(heard().await, Change::Task { .. }));
    }
    there.update(&session(), &task.id, append(&task, "there")).await.unwrap();
    assert_eq!(heard().await, Change::Elsewhere, "nothing came between");
    let refused = there.update(&session(), &task.id, TaskUpdate { heartbeat: true, ..append(&task, "beat") }).await;
    assert!(refused.is_ok());
    assert_eq!(heard().await, Change::Elsewhere);
}
