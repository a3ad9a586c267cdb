//! A program that is started again over what it has left.
//! Does not kill it: the tests of the command line do.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use taskwright_runner::registry::{State, TaskId};
use taskwright_runner::store::{SqliteOptions, SqliteStore, TaskQuery};
use taskwright_runner::{Runner, RunnerConfig, Session};
use taskwright_system_tests::NativeWalkthrough;

use crate::within;

type Left = BTreeMap<TaskId, (Option<Value>, Option<Vec<u8>>)>;

fn program(folder: &Path) -> Runner {
    let store = SqliteStore::open(folder.join("registry.db"), SqliteOptions::default()).unwrap();
    let runner = Runner::open(store, folder.join("files"), RunnerConfig::default()).unwrap();
    runner.add_native_kind(NativeWalkthrough).unwrap();
    runner.serve();
    runner
}

/// What all tasks of the session have left.
async fn left(session: &Session) -> Left {
    let mut left = Left::new();
    for task in session.list(&TaskQuery::default()).await.unwrap().tasks {
        let result = session.result(&task.id).await.unwrap();
        let note = session.artifact(&task.id, "note.txt").await.unwrap();
        left.insert(task.id, (result, note.map(|bytes| bytes.to_vec())));
    }
    left
}

// L32: after a restart ids began anew, and new tasks overwrote what the old ones had left.
#[tokio::test]
async fn a_program_that_is_started_again_gives_no_id_twice_and_overwrites_nothing() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let mut before = Left::new();
        for start in 1..=3 {
            let runner = program(folder.path());
            let session = runner.session("here".parse().unwrap());
            assert_eq!(left(&session).await, before, "start {start} finds what there was");
            for number in 0..5 {
                let note = json!({"name": "note.txt", "text": format!("{number} of start {start}")});
                let spec = json!({"steps": [{"artifact": note}]});
                let task = session.task("walkthrough", spec).create().await.unwrap();
                assert!(!before.contains_key(&task.id));
                assert_eq!(session.outcome(&task.id).await.unwrap().state, State::Succeeded);
            }
            runner.drain().await;
            let after = left(&session).await;
            assert_eq!(after.len(), before.len() + 5);
            assert!(before.iter().all(|(id, what)| after.get(id) == Some(what)));
            before = after;
        }
    })
    .await;
}
