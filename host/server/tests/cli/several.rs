//! Commands about several tasks: waiting for them, and lists and logs that are narrowed down.
//! Does not test the rules of waiting: those of the runner's `agents` do.

use serde_json::{Value, json};

use crate::place::{Place, id_in};

fn created(place: &Place) -> String {
    id_in(&place.run(&["create", "walkthrough"]).out)
}

#[test]
fn several_tasks_are_waited_for_and_the_first_that_did_not_succeed_is_told() {
    let place = Place::new();
    assert_eq!(place.run(&["run", "walkthrough"]).status, 0);
    let (first, second) = (created(&place), created(&place));
    let done = place.tasks()[0]["id"].as_str().unwrap().to_owned();
    let waited = place.run(&["wait", &first, &done, "--any", "--json"]);
    assert_eq!(waited.status, 0, "{waited:?}");
    let told: Value = serde_json::from_str(&waited.out).unwrap();
    assert_eq!((&told["timed_out"], &told["tasks"][1]["id"]), (&json!(false), &json!(done)));
    let waited = place.run(&["wait", &first, &done, "--timeout", "10ms"]);
    assert_eq!(waited.status, 5, "{waited:?}");
    assert_eq!(waited.out.lines().count(), 2);
    assert!(waited.err.contains("the tasks go on"), "{waited:?}");
    for id in [&first, &second] {
        assert_eq!(place.run(&["cancel", id]).status, 0);
    }
    let waited = place.run(&["wait", &done, &first, &second]);
    assert_eq!(waited.status, 4, "{waited:?}");
    assert_eq!(place.run(&["wait", &done, "nobody"]).status, 7);
    assert_eq!(place.run(&["wait"]).status, 2);
}

#[test]
fn lists_and_logs_are_narrowed_down_and_unknown_words_are_errors() {
    let place = Place::new();
    let first = created(&place);
    let lineage = place.run(&["list", "--parent", &first]);
    assert_eq!((lineage.status, lineage.out.as_str()), (0, ""), "{lineage:?}");
    assert_eq!(place.json(&["list", "--run", "run-1", "--json"])["tasks"], json!([]));
    assert_eq!(place.run(&["list", "--parent", "nobody"]).status, 7);
    assert_eq!(place.run(&["watch", "--kind", "sleeping"]).status, 2);
    assert_eq!(place.run(&["watch", "--state", "sleeping"]).status, 2);
    assert_eq!(place.run(&["watch", "--parent", "nobody"]).status, 7);
    assert_eq!(place.run(&["watch", &first, "--kind", "walkthrough"]).status, 2);
    let mut watching = place.start(&["watch", "--kind", "walkthrough", "--state", "queued"]);
    watching.until_out("task.created");
    assert_eq!(place.run(&["cancel", &first]).status, 0);
    watching.until_out("canceled");
    watching.child.kill().unwrap();
    watching.child.wait().unwrap();
}
