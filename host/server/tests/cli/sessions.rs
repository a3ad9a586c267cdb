//! Sessions as a whole: their life, moving tasks, ending many at once, hidden tasks.
//! Does not test what a close or a cancel decides: the conformance suite of the stores does.

use serde_json::{Value, json};
#[cfg(unix)]
use taskwright_test_guests as guests;

use crate::place::{Place, id_in};

/// Creates a task of a session that nobody runs, with these terms.
fn created(place: &Place, session: &str, terms: &[&str]) -> String {
    let ended = place.run(&[&["create", "walkthrough", "--session", session], terms].concat());
    assert_eq!(ended.status, 0, "{ended:?}");
    id_in(&ended.out)
}

fn task(place: &Place, session: &str, id: &str) -> Value {
    place.json(&["show", id, "--session", session, "--json"])
}

// L45, L47, L50
#[test]
fn a_session_is_opened_suspended_resumed_closed_and_deleted() {
    let place = Place::new();
    assert_eq!(place.run(&["sessions", "open", "chat"]).out, "chat  open\n");
    assert_eq!(place.run(&["sessions", "open", "chat"]).status, 0, "opening is idempotent");
    let id = created(&place, "chat", &["--wake", "on-terminal", "--close-policy", "cancel"]);
    assert_eq!(place.run(&["sessions", "suspend", "chat"]).out, "chat  suspended\n");
    assert_eq!(place.run(&["cancel", &id, "--session", "chat"]).status, 0);
    assert_eq!(place.run(&["wakes", "--session", "chat"]).out, "");
    let shown = place.run(&["sessions", "show", "chat"]);
    assert!(shown.out.contains("suspended") && shown.out.contains("sessions resume chat"), "{shown:?}");
    assert_eq!(place.run(&["sessions", "resume", "chat"]).out, "chat  open\n");
    assert_eq!(place.json(&["sessions", "show", "chat", "--json"])["wakes"], json!(1));

    let early = place.run(&["sessions", "delete", "chat"]);
    assert_eq!((early.status, early.err.contains("close it before")), (2, true), "{early:?}");
    let closed = place.json(&["sessions", "close", "chat", "--reason", "done for today", "--json"]);
    assert_eq!((&closed["session"]["state"], &closed["deleted"]), (&json!("closed"), &json!(false)));
    let shown = place.run(&["sessions", "show", "chat"]);
    assert!(shown.out.contains("done for today"), "{shown:?}");
    for refused in [
        place.run(&["create", "walkthrough", "--session", "chat"]),
        place.run(&["sessions", "suspend", "chat"]),
        place.run(&["sessions", "open", "chat"]),
    ] {
        assert_eq!((refused.status, refused.err.contains("closed")), (9, true), "{refused:?}");
    }
    assert_eq!(place.run(&["sessions", "delete", "chat"]).out, "chat  deleted\n");
    let gone = place.run(&["sessions", "show", "chat"]);
    assert_eq!((gone.status, gone.err.contains("there is no session chat")), (7, true), "{gone:?}");
}

// L46
#[test]
fn a_close_does_with_each_task_what_its_policy_says_and_says_what_is_left() {
    let place = Place::new();
    let kept = created(&place, "old", &["--close-policy", "keep"]);
    let canceled = created(&place, "old", &["--close-policy", "cancel"]);
    let moved = created(&place, "old", &["--close-policy", "transfer"]);
    let refused = place.run(&["sessions", "close", "old"]);
    assert_eq!((refused.status, refused.err.contains(&moved)), (2, true), "{refused:?}");
    assert!(refused.err.contains("--successor"), "{refused:?}");
    assert_eq!(place.json(&["sessions", "show", "old", "--json"])["session"]["state"], "open", "nothing was closed");

    let closed = place.run(&["sessions", "close", "old", "--successor", "new", "--delete"]);
    assert_eq!((closed.status, closed.out.as_str()), (0, "old  closed\n"), "{closed:?}");
    assert!(closed.err.contains("live in it: 1 queued") && closed.err.contains("deleted once"), "{closed:?}");
    assert_eq!(task(&place, "old", &kept)["state"], "queued");
    assert_eq!(task(&place, "old", &canceled)["state"], "canceled");
    assert_eq!(task(&place, "new", &moved)["state"], "queued");
    let waits = place.run(&["sessions", "delete", "old"]);
    assert!(waits.out.contains("to be deleted") && waits.err.contains("1 queued"), "{waits:?}");
    assert_eq!(place.run(&["cancel", &kept, "--session", "old"]).status, 0);
    assert_eq!(place.run(&["sessions", "delete", "old"]).out, "old  deleted\n");
}

#[test]
fn sessions_are_listed_by_state_and_in_pages() {
    let place = Place::new();
    assert_eq!(place.run(&["sessions", "list"]).status, 7, "there is no store");
    for id in ["a", "b", "c"] {
        assert_eq!(place.run(&["sessions", "open", id]).status, 0);
    }
    assert_eq!(place.run(&["sessions", "close", "b"]).status, 0);
    let ids = |page: &Value| -> Vec<String> {
        let ids = page["sessions"].as_array().unwrap().iter();
        ids.map(|session| session["id"].as_str().unwrap().to_owned()).collect()
    };
    let listed = place.json(&["sessions", "list", "--state", "open", "--state", "suspended", "--json"]);
    assert_eq!(ids(&listed), ["a", "c"]);
    let first = place.json(&["sessions", "list", "--limit", "2", "--json"]);
    assert_eq!((ids(&first), &first["next"]), (vec!["a".to_owned(), "b".to_owned()], &json!("b")));
    assert_eq!(ids(&place.json(&["sessions", "list", "--after", "b", "--json"])), ["c"]);
    let text = place.run(&["sessions", "list", "--limit", "1"]);
    assert!(text.out.starts_with("SESSION  STATE") && text.err.contains("--after a"), "{text:?}");
    let clamped = place.run(&["sessions", "list", "--limit", "501"]);
    assert_eq!((clamped.status, clamped.err.contains("500")), (0, true), "{clamped:?}");
    let wrong = place.run(&["sessions", "list", "--state", "asleep"]);
    assert_eq!((wrong.status, wrong.err.contains("open, suspended, closing, closed")), (2, true), "{wrong:?}");
}

// L49
#[test]
fn a_cancel_of_a_tree_reaches_sessions_that_were_opened_for_it() {
    let place = Place::new();
    let root = created(&place, "main", &["--name", "root"]);
    let opened = place.run(&["sessions", "open", "side", "--owner", "main", "--owner-task", "root"]);
    assert_eq!(opened.status, 0, "{opened:?}");
    let other = place.run(&["sessions", "open", "side"]);
    assert_eq!((other.status, other.err.contains("by nobody")), (2, true), "{other:?}");
    assert_eq!(place.run(&["sessions", "open", "x", "--owner-task", "root"]).status, 2);
    let aside = created(&place, "side", &[]);
    let count = place.json(&["cancel", "--tree", "root", "--session", "main", "--json"]);
    assert_eq!((count["signalled"].clone(), count["already_asked"].clone()), (json!(2), json!(0)));
    assert_eq!(count["first"].as_array().map(Vec::len), Some(2));
    assert_eq!(task(&place, "side", &aside)["state"], "canceled");
    let late = place.run(&["create", "walkthrough", "--session", "main", "--parent", &root]);
    assert_eq!((late.status, late.err.contains("nothing begins under it")), (2, true), "{late:?}");
}

// L49
#[test]
fn a_run_all_and_all_but_some_are_canceled_and_counted() {
    let place = Place::new();
    let of_run = created(&place, "default", &["--run-id", "run-7"]);
    let child = created(&place, "default", &["--parent", &of_run, "--hidden"]);
    let (kept, rest) = (created(&place, "default", &["--name", "kept"]), created(&place, "default", &[]));
    assert_eq!(place.run(&["cancel", "--run", "run-7"]).out, "2 asked to end\n");
    assert_eq!(task(&place, "default", &child)["state"], "canceled");
    assert_eq!(place.run(&["cancel", "--all", "--keep", "kept", "--reason", "tidying"]).out, "1 asked to end\n");
    assert_eq!(task(&place, "default", &rest)["cancel"]["reason"], "tidying");
    assert_eq!(task(&place, "default", &kept)["state"], "queued");
    let token = place.json(&["external", "register", "agent", "--json"]);
    assert!(token["token"].is_string());
    assert_eq!(place.run(&["cancel", "--all"]).out, "2 asked to end\n");
    assert_eq!(place.run(&["cancel", "--all"]).out, "0 asked to end, 1 had been asked before\n");
    for wrong in [
        &["cancel"][..],
        &["cancel", "kept", "--all"],
        &["cancel", "--all", "--run", "run-7"],
        &["cancel", "--tree", "kept", "--keep", "kept"],
        &["cancel", "--keep", "kept"],
    ] {
        assert_eq!(place.run(wrong).status, 2, "{wrong:?}");
    }
    assert_eq!(place.run(&["cancel", "--all", "--keep", "nobody"]).status, 7);
}

// L48
#[test]
fn tasks_are_moved_all_or_none() {
    let place = Place::new();
    let (first, second) =
        (created(&place, "default", &["--name", "one"]), created(&place, "default", &["--name", "two"]));
    created(&place, "there", &["--name", "two"]);
    let refused = place.run(&["transfer", "one", "two", "--to", "there"]);
    assert_eq!((refused.status, refused.err.contains("`two` is taken")), (2, true), "{refused:?}");
    assert_eq!(place.tasks().len(), 2, "nothing has moved");
    assert_eq!(place.run(&["transfer", "one", "nobody", "--to", "elsewhere"]).status, 7);
    let moved = place.run(&["transfer", "one", &second, "--to", "elsewhere"]);
    assert_eq!(moved.status, 0, "{moved:?}");
    let expected = [&first, &second].map(|id| format!("{id}  queued  is in session elsewhere now"));
    assert_eq!(moved.out.lines().collect::<Vec<_>>(), expected);
    assert_eq!(place.tasks(), Vec::<Value>::new());
    assert_eq!(task(&place, "elsewhere", &first)["name"], "one");
    assert_eq!(place.run(&["transfer", "one"]).status, 2);
}

// L48
#[cfg(unix)]
#[test]
fn a_running_task_moves_with_its_children_and_ends_where_it_is() {
    let place = Place::new();
    place.write("parent.wasm", guests::PARENT_SCRIPT);
    place.write(".taskwright/taskwright.toml", "[kinds.parent.spawner]\nkinds = [\"parent\"]\n");
    let mut serving = place.start(&["serve", "--kind", "parent.wasm"]);
    serving.until_out("serving");
    let mut watching = place.start(&["watch"]);
    let spec = r#""spawn a parent stay; wait a -""#;
    let root = place.run(&["create", "--kind", "parent.wasm", "--spec", spec, "--name", "root"]);
    let root = id_in(&root.out);
    watching.until_out("staying");
    watching.child.kill().unwrap();
    watching.child.wait().unwrap();
    let moved = place.run(&["transfer", "root", "--to", "there"]);
    let lines: Vec<&str> = moved.out.lines().collect();
    let [first, child] = lines[..] else { panic!("{moved:?}") };
    assert!(first.starts_with(&root) && first.ends_with("is in session there now"), "{moved:?}");
    assert!(child.ends_with(&format!("along with {root}")), "{moved:?}");
    assert_eq!(place.run(&["send", &id_in(child), "go on", "--session", "there"]).status, 0);
    assert_eq!(place.run(&["wait", "root", "--session", "there", "--timeout", "60s"]).status, 0);
    assert_eq!(place.tasks(), Vec::<Value>::new());
    assert_eq!(serving.terminate().status, 0);
}

// L54
#[test]
fn hidden_tasks_are_waited_for_and_each_that_failed_is_told_until_noted() {
    let place = Place::new();
    let spec = r#"{"steps":[{"fail":{"kind":"broken","message":"no luck"}}]}"#;
    let failed = place.run(&["run", "walkthrough", "--hidden", "--spec", spec]);
    assert_eq!(failed.status, 3, "{failed:?}");
    let live = created(&place, "default", &["--hidden"]);
    assert_eq!(place.run(&["list"]).out, "");
    let waited = place.run(&["hidden", "--timeout", "10ms"]);
    assert_eq!(waited.status, 3, "{waited:?}");
    assert!(waited.out.contains("broken: no luck") && waited.err.contains("go on: 1"), "{waited:?}");
    assert_eq!(place.run(&["cancel", &live]).status, 0);
    assert_eq!(place.run(&["hidden"]).status, 3, "it is told again");
    let noted = place.json_of(&["hidden", "--acknowledge", "--json"], 3);
    assert_eq!((noted["failed"].as_array().unwrap().len(), &noted["timed_out"]), (1, &json!(false)));
    let none = place.run(&["hidden"]);
    assert_eq!((none.status, none.out.as_str()), (0, ""), "{none:?}");
    created(&place, "default", &["--hidden"]);
    assert_eq!(place.run(&["hidden", "--timeout", "10ms"]).status, 5);
}

#[test]
fn what_a_task_was_created_with_is_shown() {
    let place = Place::new();
    let terms = ["--hidden", "--close-policy", "cancel", "--grace", "3s", "--run-id", "run-7"];
    let id = created(&place, "default", &terms);
    let shown = place.run(&["show", &id]);
    for words in ["it is asked, and stopped 3.0 s later", "it is canceled", "hidden", "run-7"] {
        assert!(shown.out.contains(words), "no {words:?} in {shown:?}");
    }
    let abort = place.run(&["create", "walkthrough", "--cancel-policy", "abort", "--grace", "3s"]);
    assert_eq!((abort.status, abort.err.contains("cooperative")), (2, true), "{abort:?}");
}
