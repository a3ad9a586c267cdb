//! What comes in is read back as it was, or refused before anything is written; what cannot be read all the same is shown, ended and
//! deleted.
//! Does not test what every store does: its suites do.

use serde_json::json;

use crate::place::{Place, id_in};

fn deep(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

// L31
#[test]
fn deep_json_stops_no_other_session() {
    let place = Place::new();
    let stays =
        id_in(&place.run(&["create", "walkthrough", "--session", "a", "--spec", r#"{"steps":[{"stay":true}]}"#]).out);
    let sent = place.run(&["send", &stays, "--session", "a", "--data", &deep(125)]);
    assert_eq!((sent.status, sent.err.trim()), (2, "error: --data nests 125 deep; at most 64 are allowed"), "{sent:?}");
    let spec = place.run(&["create", "walkthrough", "--session", "a", "--spec", &format!(r#"{{"x":{}}}"#, deep(126))]);
    assert_eq!((spec.status, spec.err.contains("nests 127 deep")), (2, true), "{spec:?}");
    let handed = place.run(&["external", "register", "coding_agent", "--session", "a"]).out;
    let token = handed.trim_end().split_once("  ").unwrap().1;
    let expected = format!("{}{{}}{}", r#"{"allOf":["#.repeat(63), "]}".repeat(63));
    let asked = place.run(&["external", "ask", token, "?", "--expected", &expected]);
    assert_eq!((asked.status, asked.err.contains("nests 127 deep; at most 64 are allowed")), (2, true), "{asked:?}");
    let ran = place.run(&["run", "walkthrough", "--session", "b"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(place.run(&["list", "--session", "a"]).status, 0);
    assert_eq!(place.run(&["repair"]).out, "everything can be read\n");
}

#[test]
fn a_file_may_begin_with_a_byte_order_mark() {
    let place = Place::new();
    place.write("spec.json", "\u{feff}{\"steps\":[]}");
    assert_eq!(place.run(&["create", "walkthrough", "--spec", "@spec.json"]).status, 0);
    place.write("spec.json", "{");
    let refused = place.run(&["create", "walkthrough", "--spec", "@spec.json"]);
    let words = ("the file spec.json is not JSON", "Quote it");
    assert_eq!((refused.err.contains(words.0), refused.err.contains(words.1)), (true, false), "{refused:?}");
}

#[test]
fn what_cannot_be_read_is_shown_ended_and_deleted() {
    let place = Place::new();
    let create = || id_in(&place.run(&["create", "walkthrough"]).out);
    let (ended, deleted, good) = (create(), create(), create());
    let database = rusqlite::Connection::open(place.path().join(".taskwright/registry.db")).unwrap();
    for id in [&ended, &deleted] {
        database.execute("UPDATE tasks SET record = ?2 WHERE id = ?1", [id, &deep(200)]).unwrap();
    }
    let listed = place.run(&["list"]);
    assert!(listed.out.contains(&good) && !listed.out.contains(&ended), "{listed:?}");
    assert!(listed.err.contains(&ended) && listed.err.contains("taskwright repair"), "{listed:?}");
    let shown = place.run(&["show", &ended]);
    assert_eq!((shown.status, shown.err.contains("`taskwright repair`")), (2, true), "{shown:?}");
    let found = place.json(&["repair", "--json"]);
    let ids: Vec<_> = found["unreadable"].as_array().unwrap().iter().map(|row| row["task_id"].clone()).collect();
    assert_eq!(ids, [json!(ended), json!(deleted)]);
    assert_eq!(place.run(&["repair", "--end", &ended]).status, 0);
    assert_eq!(place.json(&["show", &ended, "--json"])["error"]["kind"], "unreadable");
    assert_eq!(place.run(&["repair", "--delete", &deleted]).status, 0);
    assert_eq!(place.run(&["show", &deleted]).status, 7);
    let damage = "UPDATE sessions SET record = '{' WHERE id = 'default'";
    database.execute(damage, []).unwrap();
    let found = place.run(&["repair"]);
    assert!(found.out.contains("the session default cannot be read") && found.err.contains("--mend"), "{found:?}");
    let mended = place.run(&["repair", "--mend", "default"]);
    assert_eq!((mended.status, mended.out.trim()), (0, "default is suspended now, and can be read"), "{mended:?}");
    assert_eq!(place.run(&["sessions", "resume", "default"]).status, 0);
    assert_eq!(place.run(&["repair", "--mend", "default"]).status, 2);
    assert_eq!(place.run(&["repair", "--mend", "nobody"]).status, 7);
    let refused = place.run(&["repair", "--end", &good]);
    assert_eq!((refused.status, refused.err.contains("can be read")), (7, true), "{refused:?}");
    assert_eq!(place.run(&["repair"]).out, "everything can be read\n");
}

#[test]
fn a_damaged_first_session_stops_no_other_session() {
    let place = Place::new();
    let spec = r#"{"steps":[{"say":"x"},{"artifact":{"name":"a.txt","text":"kept"}}]}"#;
    for session in ["default", "other"] {
        let ran = place.run(&["run", "walkthrough", "--session", session, "--spec", spec]);
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    let database = rusqlite::Connection::open(place.path().join(".taskwright/registry.db")).unwrap();
    let damage = |set: &str| database.execute(&format!("UPDATE sessions SET {set} WHERE no = 1"), []).unwrap();
    damage("record = 'garbage'");
    assert_eq!(place.run(&["list", "--session", "other"]).status, 0);
    assert_eq!(place.run(&["prune", "--session", "other", "--dry-run"]).status, 0);
    let found = place.run(&["repair"]);
    assert!(found.status == 0 && found.out.contains("the session default cannot be read"), "{found:?}");
    assert_eq!(place.run(&["repair", "--mend", "default"]).status, 0);
    assert_eq!(place.run(&["list", "--session", "default"]).status, 0);
    // Nor does a store without any session, beside files, keep anybody from looking.
    drop(database);
    std::fs::remove_file(place.path().join(".taskwright/registry.db")).unwrap();
    std::fs::write(place.path().join(".taskwright/registry.db"), "").unwrap();
    let refused = place.run(&["list"]);
    assert!(refused.status == 2 && refused.err.contains("there are files of 2 tasks"), "{refused:?}");
    assert_eq!(place.run(&["repair"]).status, 0);
}

#[test]
fn a_guest_reads_each_double_as_it_was_written() {
    let place = Place::new();
    let number = "0.18960496093331014";
    let ended = place.run(&["run", "walkthrough", "--spec", &format!(r#"{{"steps":[{{"post_data":{number}}}]}}"#)]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.out.contains(number) || ended.err.contains(number), "{ended:?}");
}
