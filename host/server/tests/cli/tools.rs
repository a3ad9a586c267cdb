//! `tools`: what a model is told, and its calls by hand.
//! Does not test what each tool does: the tests of the whole system do.

use serde_json::{Value, json};

use crate::place::{Ended, Place};

fn call(place: &Place, spawn: &[&str], name: &str, arguments: &Value) -> (Ended, Value) {
    let arguments = arguments.to_string();
    let mut args = vec!["tools"];
    args.extend(spawn.iter().flat_map(|kind| ["--spawn", kind]));
    args.extend(["call", name, "--arguments", &arguments, "--json"]);
    let ended = place.run(&args);
    let outcome = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended, outcome)
}

#[test]
fn the_definitions_are_shown_without_a_store_and_with_the_kinds_that_may_be_begun() {
    let place = Place::new();
    let plain = place.json(&["tools"]);
    let names = |tools: &Value| -> Vec<String> {
        tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&plain), ["list_tasks", "get_task", "message_task", "cancel_task", "wait_task"]);
    assert!(!place.path().join(".taskwright").exists(), "looking makes nothing");
    let spawning = place.json(&["tools", "--spawn", "walkthrough", "--json"]);
    assert_eq!(names(&spawning).last().unwrap(), "spawn_task");
    let spawn = &spawning[5]["input_schema"]["properties"];
    assert_eq!(spawn["kind"]["enum"], json!(["walkthrough"]));
    assert!(spawn["spec"]["description"].as_str().unwrap().contains("steps"), "{spawn}");
    let unknown = place.run(&["tools", "--spawn", "nobody"]);
    assert_ne!(unknown.status, 0, "{unknown:?}");
}

#[test]
fn a_task_is_begun_looked_at_and_canceled_by_tools() {
    let place = Place::new();
    let arguments = json!({"kind": "walkthrough", "spec": {"steps": []}, "name": "walk"});
    let (ended, begun) = call(&place, &["walkthrough"], "spawn_task", &arguments);
    assert_eq!((ended.status, &begun["is_error"]), (0, &json!(false)), "{begun}");
    let id = begun["content"]["task"]["id"].clone();
    let (_, listed) = call(&place, &[], "list_tasks", &json!({"kind": "walkthrough"}));
    assert_eq!(listed["content"]["tasks"][0]["id"], id);
    let (ended, none) = call(&place, &[], "list_tasks", &json!({"kind": "search-files"}));
    assert_eq!((ended.status, &none["content"]["count"]), (0, &json!(0)), "a kind that ships is known");
    let (_, waited) = call(&place, &[], "wait_task", &json!({"task_id": "walk", "timeout_seconds": 1}));
    assert_eq!(waited["content"]["timed_out"], true);
    let (_, canceled) = call(&place, &[], "cancel_task", &json!({"task_id": "walk"}));
    assert_eq!(canceled["content"]["state"], "canceled");
    let (_, other) = call(&place, &[], "get_task", &json!({"task_id": id}));
    assert_eq!(other["content"]["task"]["state"], "canceled");
    let foreign = place.run(&["tools", "call", "list_tasks", "--session", "other", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&foreign.out).unwrap()["content"]["count"], 0);
}

#[test]
fn the_error_of_a_tool_is_shown_as_the_model_sees_it_and_told_by_the_status() {
    let place = Place::new();
    assert_eq!(place.run(&["create", "walkthrough"]).status, 0);
    for (tool, arguments, code, status) in [
        ("get_task", json!({"task_id": "nobody"}), "unknown_task", 7),
        ("get_task", json!({"id": "nobody"}), "invalid_arguments", 2),
        ("list_tasks", json!({"state": "sleeping"}), "invalid_arguments", 2),
        ("list_tasks", json!({"kind": "sleeping"}), "unknown_kind", 2),
        ("spawn_task", json!({"kind": "walkthrough", "spec": {}}), "unknown_tool", 2),
    ] {
        let (ended, outcome) = call(&place, &[], tool, &arguments);
        assert_eq!((&outcome["is_error"], &outcome["content"]["error"]), (&json!(true), &json!(code)));
        assert_eq!(ended.status, status, "{ended:?}");
    }
    let broken = place.run(&["tools", "call", "list_tasks", "--arguments", "{"]);
    assert_eq!(broken.status, 2, "{broken:?}");
    assert!(broken.err.contains("--arguments is not JSON"), "{broken:?}");
}
