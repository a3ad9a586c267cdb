//! Hosts that share one PostgreSQL and one folder of files.
//! Does not repeat what every store promises: the conformance suite has that.

use std::sync::Arc;

use serde_json::json;
use taskwright_registry::{Part, State};
use taskwright_store::{PostgresOptions, PostgresStore};

use crate::place::{Place, id_in, signal};
use crate::user::User;

// L36
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_host_had_goes_on_in_another_and_hears_who_asks_from_a_third() {
    let address = match taskwright_test_postgres::address() {
        Ok(address) => address,
        Err(why) => return taskwright_test_postgres::skipped(why),
    };
    let place = Place::new();
    let serve = ["--store", address, "serve", "--lease", "1s"];
    let mut first = place.start(&serve);
    first.until_out("serving");
    let store = PostgresStore::open(address, PostgresOptions::default()).await.expect("a store");
    let user = User::over(Arc::new(store), &place).await;
    let staying = user.walk(json!([{"say": "one"}, {"stay": true}])).await;
    user.when(&staying.id, |task| task.checkpoint.is_some()).await;
    let mut second = place.start(&serve);
    second.until_out("serving");
    signal(&first, "KILL");
    first.child.wait().unwrap();
    let taken = user.when(&staying.id, |task| task.attempt == 2 && task.dispatch.host.is_some()).await;
    assert_eq!((taken.crashes, taken.state), (1, State::Running));
    user.session.send(&staying.id, vec![Part::Text("finish".to_owned())], None).await.unwrap();
    let over = user.session.outcome(&staying.id).await.unwrap();
    assert_eq!(over.state, State::Succeeded, "{:?}", over.error);
    let listed = place.json(&["--store", address, "list", "--json"]);
    assert_eq!(listed["tasks"][0]["id"], staying.id.as_str(), "{listed}");
    let created =
        place.json(&["--store", address, "create", "walkthrough", "--spec", r#"{"steps": [{"say": "hi"}]}"#, "--json"]);
    let id = created["task"]["id"].as_str().or(created["id"].as_str()).expect("an id").parse().unwrap();
    assert_eq!(user.session.outcome(&id).await.unwrap().state, State::Succeeded);
    assert_eq!(second.terminate().status, 0);
}

#[test]
fn a_store_that_is_no_postgresql_is_refused_before_anything_is_made() {
    let place = Place::new();
    let ended = place.run(&["--store", "mysql://somewhere", "list"]);
    assert_eq!((ended.status, ended.err.contains("postgres://USER@HOST:PORT/DATABASE")), (2, true), "{ended:?}");
    assert!(!place.path().join(".taskwright").exists());
}

#[test]
fn a_postgresql_that_is_not_there_is_named_with_what_went_wrong() {
    let place = Place::new();
    // A port that nothing listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ended = place.run(&["--store", &format!("postgres://nobody@127.0.0.1:{port}/none"), "list"]);
    assert_eq!((ended.status, ended.err.contains("Connection refused")), (1, true), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn a_host_with_another_place_of_files_is_refused_or_told() {
    let address = match taskwright_test_postgres::database("places") {
        Ok(address) => address,
        Err(why) => return taskwright_test_postgres::skipped(&why),
    };
    let place = Place::new();
    let spec = json!({"steps": [{"say": "hello"}, {"artifact": {"name": "a.txt", "text": "kept"}}]}).to_string();
    let host = |dir| ["--store", address.as_str(), "--dir", dir];
    let run = |dir, command: &[&str]| place.run(&[&host(dir)[..], command].concat());
    let ran = run("one", &["run", "walkthrough", "--spec", &spec, "--name", "first"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let said = "the files of this store's tasks are not in two/files/";
    for command in [&["serve"][..], &["run", "walkthrough", "--spec", &spec]] {
        let refused = run("two", command);
        assert!(refused.status == 2 && refused.err.contains(said), "{refused:?}");
    }
    let token = run("two", &["external", "register", "coding_agent", "--name", "outside"]).out;
    let token = token.trim_end().split_once("  ").unwrap().1;
    assert_eq!(run("two", &["sessions", "open", "idle"]).status, 0);
    assert_eq!(run("two", &["sessions", "close", "idle"]).status, 0);
    // What removes or writes files of tasks is refused as well, before anything has changed.
    for command in [
        &["prune", "--older-than", "0s"][..],
        &["prune", "--older-than", "0s", "--all-sessions"],
        &["sessions", "close", "default", "--delete"],
        &["sessions", "delete", "idle"],
        &["external", "succeed", token, "--result", "1"],
    ] {
        let refused = run("two", command);
        assert!(refused.status == 2 && refused.err.contains(said), "{command:?}: {refused:?}");
    }
    assert_eq!(run("two", &["sessions", "show", "idle"]).status, 0, "it is there still");
    assert_eq!(run("two", &["external", "succeed", token]).status, 0, "it writes no file");
    let id = id_in(&ran.out);
    let shown = run("two", &["show", &id]);
    assert!(shown.status == 0 && shown.err.contains(said) && !shown.out.contains("two/files"), "{shown:?}");
    let watched = run("two", &["watch", &id]);
    assert!(watched.status == 0 && watched.err.contains("output is not shown"), "{watched:?}");
    let artifact = run("two", &["result", &id, "--artifact", "a.txt"]);
    assert!(artifact.status == 7 && artifact.err.contains(said), "{artifact:?}");
    assert_eq!(run("two", &["result", &id]).status, 0, "the record has it");
    // The same place, from another folder.
    let shared = ["--files", "one/files", "result", &id, "--artifact", "a.txt"];
    assert_eq!(run("three", &shared).out, "kept");
    assert!(run("three", &["--files", "one/files", "show", &id]).err.is_empty());
}
