//! A server whose store is removed, replaced or broken under it: it says so, and ends.
//! Does not test what a store says: its own tests do.

#![cfg(unix)]

use std::sync::Arc;

use serde_json::json;
use taskwright_store::{PostgresOptions, PostgresStore};

use crate::place::Place;
use crate::user::User;

#[test]
fn a_server_whose_home_is_removed_says_so_and_fails() {
    let place = Place::new();
    let mut serving = place.start(&["serve", "--lease", "1s"]);
    serving.until_out("serving");
    let spec = r#"{"steps":[{"say":"one"},{"stay":true}]}"#;
    let task = place.run(&["create", "walkthrough", "--spec", spec]).out.trim().to_owned();
    let mut watching = place.start(&["watch", &task]);
    watching.until_out("one");
    std::fs::remove_dir_all(place.path().join(".taskwright")).unwrap();
    let ended = serving.end();
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.err.contains("the store is gone") && ended.err.contains("registry.db was removed"), "{ended:?}");
    let watched = watching.end();
    assert!(watched.status == 1 && watched.err.contains("registry.db was removed"), "{watched:?}");
}

#[test]
fn a_server_whose_store_is_replaced_says_so_and_fails() {
    let place = Place::new();
    let mut serving = place.start(&["serve", "--lease", "1s"]);
    serving.until_out("serving");
    let restored = Place::new();
    assert_eq!(restored.run(&["sessions", "open", "s"]).status, 0);
    let [from, to] = [&restored, &place].map(|place| place.path().join(".taskwright/registry.db"));
    std::fs::copy(&from, to.with_extension("copy")).unwrap();
    std::fs::rename(to.with_extension("copy"), &to).unwrap();
    let ended = serving.end();
    assert_eq!((ended.status, ended.err.contains("another file was put in the place")), (1, true), "{ended:?}");
}

#[test]
fn what_others_wrote_outlives_a_server_that_lost_its_index() {
    let place = Place::new();
    let spec = r#"{"steps":[{"stay":true}]}"#;
    let created = place.run(&["create", "walkthrough", "--spec", spec]);
    assert_eq!(created.status, 0, "{created:?}");
    let mut serving = place.start(&["serve", "--lease", "1s"]);
    serving.until_out("serving");
    std::fs::remove_file(place.path().join(".taskwright/registry.db-shm")).unwrap();
    let created = place.run(&["create", "walkthrough", "--name", "late", "--spec", spec]);
    assert_eq!(created.status, 0, "{created:?}");
    let ended = serving.end();
    // It may be back by the time that it is looked at: the other process has made one of its own.
    assert_eq!((ended.status, ended.err.contains("registry.db-shm")), (1, true), "{ended:?}");
    let named: Vec<_> = place.tasks().iter().map(|task| task["name"].clone()).collect();
    assert!(named.contains(&json!("late")), "{named:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_refuses_every_outcome_holds_up_no_end() {
    let address = match taskwright_test_postgres::database("refusing") {
        Ok(address) => address,
        Err(why) => return taskwright_test_postgres::skipped(&why),
    };
    let place = Place::new();
    let mut serving = place.start(&["--store", &address, "serve", "--lease", "1s", "--drain-grace", "100ms"]);
    serving.until_out("serving");
    let store = PostgresStore::open(&address, PostgresOptions::default()).await.expect("a store");
    let user = User::over(Arc::new(store), &place).await;
    let task = user.walk(json!([{"say": "one"}, {"stay": true}])).await;
    user.when(&task.id, |task| task.checkpoint.is_some()).await;
    let refuse = "CREATE FUNCTION taskwright.refuse() RETURNS trigger LANGUAGE plpgsql AS
                  $$ BEGIN RAISE EXCEPTION USING ERRCODE = '22P05', MESSAGE = 'cannot be held'; END $$;
                  CREATE TRIGGER refuse BEFORE UPDATE ON taskwright.tasks FOR EACH ROW
                  EXECUTE FUNCTION taskwright.refuse()";
    taskwright_test_postgres::run(&address, refuse).expect("a trigger");
    let ended = serving.terminate();
    assert_eq!((ended.status, ended.err.contains("1 tasks are left as they are")), (1, true), "{ended:?}");
    taskwright_test_postgres::run(&address, "DROP TRIGGER refuse ON taskwright.tasks").expect("none");
    // It gave up its lease, so that the next host takes the task over at once.
    let mut next = place.start(&["--store", &address, "serve"]);
    next.until_out("serving");
    user.when(&task.id, |task| task.attempt == 2).await;
    assert_eq!(next.terminate().status, 0);
}
