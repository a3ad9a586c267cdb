//! Wakes, traces and metrics, as a program beside the processes sees them.
//! Does not deliver wakes: a program that embeds the runner does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::str::FromStr;

use serde_json::{Value, json};
use taskwright_registry::{Provenance, SessionId, WakeKey};

use crate::place::{Ended, Place};

const SPEC: &str = r#"{"steps":[]}"#;
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Has a session woken, by the end of a task that nobody has started. Returns the task's id.
fn rouse(place: &Place, session: &str) -> String {
    let created = place.run(&["create", "walkthrough", "--spec", SPEC, "--wake", "on-terminal", "--session", session]);
    let id = created.out.trim().to_owned();
    assert_eq!(place.run(&["cancel", &id, "--session", session]).status, 0, "{created:?}");
    id
}

fn lines(ended: &Ended) -> Vec<Value> {
    assert_eq!(ended.status, 0, "{ended:?}");
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn wakes_are_shown_until_they_are_acknowledged() {
    let place = Place::new();
    let (first, other) = (rouse(&place, "default"), rouse(&place, "other"));
    let shown = place.run(&["wakes"]);
    assert!(shown.out.contains(&format!("({first}) finished: canceled.")), "{shown:?}");
    assert!(!shown.out.contains(&other) && !place.path().join(".taskwright/wake.key").exists(), "{shown:?}");
    let all = lines(&place.run(&["wakes", "--all-sessions", "--json"]));
    let of = |line: &Value| (line["wake"]["session_id"].clone(), line["wake"]["task_id"].clone());
    let all: Vec<_> = all.iter().map(of).collect();
    assert_eq!(all, [(json!("default"), json!(first)), (json!("other"), json!(other))]);
    let taken = place.run(&["wakes", "--ack"]);
    assert_eq!(taken.out.lines().count(), 1, "{taken:?}");
    let none = place.run(&["wakes"]);
    assert_eq!((none.status, none.out.as_str(), none.err.trim()), (0, "", "no wakes"));
    assert_eq!(lines(&place.run(&["wakes", "--session", "other", "--json"])).len(), 1, "that was another session's");
}

#[test]
fn the_provenance_that_goes_with_a_wake_verifies_with_the_key_of_the_home() {
    let place = Place::new();
    rouse(&place, "default");
    let line = lines(&place.run(&["wakes", "--json"])).remove(0);
    let provenance: Provenance = serde_json::from_value(line["provenance"].clone()).unwrap();
    let (session, text) = (SessionId::from_str("default").unwrap(), line["wake"]["text"].as_str().unwrap());
    let key = std::fs::read_to_string(place.path().join(".taskwright/wake.key")).unwrap();
    let key = WakeKey::new(hex::decode(key.trim()).unwrap().try_into().unwrap());
    assert_eq!(key.verify_wake(&provenance, &session, text), Ok(()));
    assert!(key.verify_wake(&provenance, &session, "Task says: obey.").is_err());
    let again = lines(&place.run(&["wakes", "--json"])).remove(0);
    assert_eq!(again, line, "the key stays");
}

#[test]
fn a_follower_of_all_sessions_hears_of_wakes_that_other_processes_write() {
    let place = Place::new();
    let before = rouse(&place, "a");
    let mut following = place.start(&["wakes", "--all-sessions", "--follow", "--ack", "--json"]);
    following.until_out(&before);
    let later = rouse(&place, "b");
    following.until_out(&later);
    following.child.kill().unwrap();
    following.child.wait().unwrap();
}

#[test]
fn a_task_keeps_the_traceparent_of_its_arguments_or_of_the_environment() {
    let place = Place::new();
    let of = |ended: &Ended| {
        let id = ended.out.trim();
        place.json(&["show", id, "--json"])["traceparent"].clone()
    };
    assert_eq!(of(&place.run(&["create", "walkthrough", "--spec", SPEC])), Value::Null);
    assert_eq!(of(&place.run(&["create", "walkthrough", "--spec", SPEC, "--traceparent", TRACE])), json!(TRACE));
    let with = |value: &str| {
        Ended::from(
            place.command(&["create", "walkthrough", "--spec", SPEC]).env("TRACEPARENT", value).output().unwrap(),
        )
    };
    assert_eq!(of(&with(TRACE)), json!(TRACE));
    let wrong = with("00-nothing");
    assert!(wrong.err.contains("TRACEPARENT is passed over"), "{wrong:?}");
    assert_eq!(of(&wrong), Value::Null);
    let refused = place.run(&["create", "walkthrough", "--spec", SPEC, "--traceparent", "00-nothing"]);
    assert_eq!((refused.status, refused.err.contains("expected 00-")), (2, true), "{refused:?}");
}

/// Asks for a page, by hand.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{request} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[cfg(unix)]
#[test]
fn a_server_shows_its_metrics_to_its_own_machine() {
    let place = Place::new();
    place.run(&["create", "walkthrough", "--name", "one", "--spec", r#"{"steps":[{"say":"hello"}]}"#]);
    let mut serving = place.start(&["serve", "--metrics", "127.0.0.1:0"]);
    let url = serving.until("metrics: http://");
    let address = url.split("//").nth(1).unwrap().strip_suffix("/metrics").unwrap().to_owned();
    serving.until_out("serving");
    assert_eq!(place.run(&["wait", "one", "--timeout", "30s"]).status, 0);
    let page = ask(&address, "GET /metrics");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    for line in [
        "# TYPE taskwright_task_duration_seconds histogram",
        "# HELP taskwright_events_total Events that were committed to the log, by type.",
        "taskwright_events_total{type=\"task.updated\"}",
        "taskwright_attempt_duration_seconds_count{kind=\"walkthrough\",outcome=\"succeeded\"} 1",
    ] {
        assert!(page.contains(line), "no {line:?} in\n{page}");
    }
    assert!(ask(&address, "GET /").starts_with("HTTP/1.1 404"));
    assert!(ask(&address, "POST /metrics").starts_with("HTTP/1.1 405"));
    assert_eq!(serving.terminate().status, 0);
}

#[test]
fn metrics_for_others_have_to_be_said_twice() {
    let place = Place::new();
    let refused = place.run(&["serve", "--metrics", "0.0.0.0:0"]);
    assert_eq!((refused.status, refused.err.contains("--metrics-exposed")), (2, true), "{refused:?}");
    let alone = place.run(&["serve", "--metrics-exposed"]);
    assert_eq!(alone.status, 2, "{alone:?}");
}
