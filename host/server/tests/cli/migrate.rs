//! `migrate`, as an operator moves up from a file: killed in the middle, run again, and served from there.
//! Does not compare every row: the store's own tests do.

use serde_json::Value;

use crate::place::{Place, signal};

fn listed(place: &Place, more: &[&str]) -> Vec<(String, String)> {
    let list = place.json(&[more, &["list", "--all", "--json"]].concat());
    let of = |task: &Value, field: &str| task[field].as_str().expect("a text").to_owned();
    list["tasks"].as_array().expect("tasks").iter().map(|task| (of(task, "id"), of(task, "name"))).collect()
}

#[cfg(unix)]
#[test]
fn a_migration_that_was_killed_is_gone_on_with_and_served_by_hosts_of_the_target() {
    let address = match taskwright_test_postgres::database("moved") {
        Ok(address) => address,
        Err(why) => return taskwright_test_postgres::skipped(&why),
    };
    let place = Place::new();
    let spec = r#"{"steps": [{"say": "hi"}, {"ask": {"prompt": "Go on?"}}]}"#;
    for name in ["one", "two", "three"] {
        assert_eq!(place.run(&["create", "walkthrough", "--name", name, "--spec", spec]).status, 0);
    }
    let before = listed(&place, &[]);
    let (from, store) = ("sqlite://.taskwright/registry.db", ["--store", address.as_str()]);
    let migrate = ["migrate", "--from", from, "--to", &address, "--batch", "1"];
    let mut killed = place.start(&migrate);
    killed.until("copying specs");
    signal(&killed, "KILL");
    killed.child.wait().unwrap();

    let refused = place.run(&[&store[..], &["list"]].concat());
    assert!(
        refused.status != 0 && refused.err.contains("is not complete; run `taskwright migrate` again"),
        "{refused:?}"
    );
    let moved = place.json(&[&migrate[..], &["--json"]].concat());
    assert_eq!(moved["complete"], true);
    let tasks = moved["tables"].as_array().unwrap().iter().find(|table| table["table"] == "tasks").unwrap();
    assert_eq!(tasks["rows"], 3, "{moved}");
    assert_eq!(listed(&place, &store), before);
    assert_eq!(listed(&place, &[]), before, "the file is as it was");
    let again = place.run(&migrate);
    assert_eq!((again.status, again.err.contains("already")), (2, true), "{again:?}");

    let mut serve = place.start(&[&store[..], &["serve"]].concat());
    serve.until_out("serving");
    let answered = |name: &str| place.run(&[&store[..], &["wait", name, "--timeout", "60s"]].concat()).status;
    assert_eq!(answered("three"), 6, "it awaits input");
    assert_eq!(place.run(&[&store[..], &["answer", "three", "yes"]].concat()).status, 0);
    assert_eq!(answered("three"), 0);
    assert_eq!(serve.terminate().status, 0);
}

#[test]
fn addresses_that_are_none_are_refused_with_what_was_expected() {
    let place = Place::new();
    let from = place.run(&["migrate", "--from", "registry.db", "--to", "postgres://u@127.0.0.1:1/d"]);
    assert_eq!((from.status, from.err.contains("sqlite://PATH")), (2, true), "{from:?}");
    let to = place.run(&["migrate", "--from", "sqlite://registry.db", "--to", "sqlite://other.db"]);
    assert_eq!((to.status, to.err.contains("postgres://USER@HOST:PORT/DATABASE")), (2, true), "{to:?}");
    let none = place.run(&["migrate", "--from", "sqlite://registry.db", "--to", "postgres://u@127.0.0.1:1/d"]);
    assert_eq!((none.status, none.err.contains("there is no registry at registry.db")), (7, true), "{none:?}");
    assert!(!place.path().join("registry.db").exists());
}
