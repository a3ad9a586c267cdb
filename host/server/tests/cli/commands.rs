//! Each command, as a person or a script uses it.
//! Does not test what the store or the sandbox decide; their own tests do.

use serde_json::{Value, json};

use crate::place::{Place, id_in, signal};

/// A walk that asks one question.
const ASKING: &str = r#"{"steps":[{"ask":{"prompt":"Go on?","expected":{"type":"boolean"}}}]}"#;

#[test]
fn a_search_runs_and_other_processes_read_it_back() {
    let place = Place::new();
    place.write("src/one.rs", "fn quiet() {}\nasync fn loud() {}\n");
    place.write("src/two.rs", "// nothing\n");
    let spec = r#"{"pattern":"async fn","path":"."}"#;
    let ran = place.run(&["run", "search-files", "--spec", spec, "--grant", "files=src", "--name", "search"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("one.rs:2:async fn loud() {}"), "{ran:?}");
    assert!(ran.out.contains("succeeded") && ran.out.contains("host calls"), "{ran:?}");

    let tasks = place.tasks();
    assert_eq!(tasks.len(), 1);
    let id = tasks[0]["id"].as_str().unwrap();
    assert_eq!(tasks[0]["state"], "succeeded");
    // By its id, its name, and the beginning of its id.
    for by in [id, "search", &id[..30]] {
        assert_eq!(place.json(&["show", by, "--json"])["id"], id);
    }
    assert_eq!(place.json(&["result", id, "--json"])["result"]["files_matched"], 1);
    assert_eq!(place.json(&["messages", id, "--json"])["messages"], json!([]));
    let list = place.run(&["list", "--state", "succeeded", "--kind", "search-files"]);
    assert!(list.out.contains(id), "{list:?}");
    let watched = place.run(&["watch", id]);
    assert_eq!(watched.status, 0, "{watched:?}");
    assert!(watched.out.contains("task.created") && watched.out.contains("async fn loud"), "{watched:?}");
    let matches = place.run(&["result", id, "--artifact", "matches.txt"]);
    assert!(matches.out.contains("async fn loud"), "{matches:?}");
    assert_eq!(place.run(&["wait", id]).status, 0);
}

// L57
#[test]
fn a_task_is_created_with_its_priority_and_with_the_time_before_which_it_does_not_begin() {
    let place = Place::new();
    let create = ["create", "walkthrough", "--spec", r#"{"steps":[]}"#, "--name", "later"];
    let created = place.run(&[&create[..], &["--priority", "high", "--not-before", "1h"]].concat());
    assert_eq!(created.status, 0, "{created:?}");
    let task = place.json(&["show", "later", "--json"]);
    assert_eq!((&task["priority"], &task["state"]), (&json!("high"), &json!("queued")));
    let at = |field: &Value| field.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let wait = at(&task["dispatch"]["due_at"]) - at(&task["created_at"]);
    // The time is counted from the request, which is a moment before the record.
    assert!((wait - chrono::TimeDelta::hours(1)).abs() < chrono::TimeDelta::minutes(1), "{wait}");
    assert!(place.run(&["show", "later"]).out.contains("priority   "));
    let wrong = place.run(&["create", "walkthrough", "--not-before", "tomorrow"]);
    assert!(wrong.status == 2 && wrong.err.contains("`tomorrow` is no time"), "{wrong:?}");
}

#[test]
fn a_span_of_time_that_is_too_long_is_refused() {
    let place = Place::new();
    for option in ["--not-before", "--deadline", "--attempt-timeout", "--grace"] {
        let args = ["create", "walkthrough", "--spec", r#"{"steps":[]}"#, option, "100000000d"];
        let refused = place.run(&args);
        assert!(refused.status == 2 && refused.err.contains("at most 365000d are allowed"), "{option}: {refused:?}");
    }
}

#[test]
fn a_program_reads_json_lines_and_one_last_document() {
    let place = Place::new();
    let ran = place.run(&["run", "walkthrough", "--spec", r#"{"steps":[{"say":"hello"}]}"#, "--json"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["type"], "task.created");
    assert!(lines.iter().any(|line| line["type"] == "output" && line["text"].as_str().unwrap().contains("hello")));
    let last = lines.last().unwrap();
    assert_eq!((&last["task"]["state"], &last["result"]["steps"]), (&json!("succeeded"), &json!(1)));
}

#[test]
fn a_bad_specification_names_the_place_and_makes_no_task() {
    let place = Place::new();
    let ended = place.run(&["run", "search-files", "--spec", r#"{"pattern":7}"#, "--grant", "files=."]);
    assert_eq!(ended.status, 2, "{ended:?}");
    assert!(ended.err.contains("/pattern"), "{ended:?}");
    assert_eq!(place.tasks(), Vec::<Value>::new());
    let ended = place.run(&["run", "search-files", "--spec", "{pattern", "--grant", "files=."]);
    assert_eq!((ended.status, ended.err.contains("--spec is not JSON")), (2, true), "{ended:?}");
}

#[test]
fn a_missing_grant_is_named_with_what_would_allow_it() {
    let place = Place::new();
    let ended = place.run(&["run", "search-files", "--spec", r#"{"pattern":"x"}"#]);
    assert_eq!(ended.status, 2, "{ended:?}");
    assert!(ended.err.contains("--grant files=DIR"), "{ended:?}");
    assert_eq!(place.tasks(), Vec::<Value>::new());
    let unwanted = place.run(&["run", "walkthrough", "--grant", "files=."]);
    assert_eq!((unwanted.status, unwanted.err.contains("wants no folder")), (2, true), "{unwanted:?}");
    let nowhere = place.run(&["run", "search-files", "--grant", "files=nowhere"]);
    assert_eq!((nowhere.status, nowhere.err.contains("files=nowhere")), (2, true), "{nowhere:?}");
}

#[test]
fn an_unknown_kind_lists_the_known_ones_and_makes_nothing() {
    let place = Place::new();
    for command in [&["run", "serach"][..], &["create", "serach"], &["kinds", "inspect", "serach"]] {
        let ended = place.run(command);
        assert_eq!(ended.status, 2, "{ended:?}");
        assert!(ended.err.contains("search-files, walkthrough"), "{ended:?}");
    }
    assert!(!place.path().join(".taskwright").exists());
}

#[test]
fn files_that_are_no_kinds_get_one_line_each() {
    let place = Place::new();
    place.write("text.wasm", "hello\n");
    place.write("core.wasm", b"\0asm\x01\0\0\0");
    place.write("good.wasm", taskwright_components::WALKTHROUGH);
    let ended = place.run(&["kinds", "verify", "text.wasm", "core.wasm", "good.wasm", "missing.wasm"]);
    assert_eq!(ended.status, 2, "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines.len(), 4, "{ended:?}");
    assert!(lines[0].starts_with("refused text.wasm: "), "{ended:?}");
    assert!(lines[1].starts_with("refused core.wasm: ") && lines[1].contains("core module"), "{ended:?}");
    assert!(lines[2].starts_with("ok good.wasm: walkthrough "), "{ended:?}");
    assert!(lines[3].starts_with("refused missing.wasm: "), "{ended:?}");
    assert!(!place.path().join(".taskwright").exists());
}

#[test]
fn kinds_are_listed_and_inspected_without_a_store() {
    let place = Place::new();
    let listed = place.json(&["kinds", "list", "--json"]);
    assert_eq!(listed["kinds"].as_array().unwrap().len(), 2);
    let about = place.json(&["kinds", "inspect", "search-files", "--json"]);
    assert_eq!(about["description"]["wants"][0]["name"], "files");
    assert!(about["digest"].as_str().unwrap().starts_with("sha256:"));
    let text = place.run(&["kinds", "inspect", "search-files"]);
    assert!(text.out.contains("--grant files=DIR") && text.out.contains("\"pattern\""), "{text:?}");
    assert_eq!(about["description"]["reattach"], "always");
    assert!(text.out.lines().any(|line| line.starts_with("re-attaches") && line.ends_with("always")), "{text:?}");
    assert!(!place.path().join(".taskwright").exists());
}

#[test]
fn a_command_that_reads_makes_no_store() {
    let place = Place::new();
    for command in [&["list"][..], &["show", "x"], &["watch"], &["cancel", "x"], &["wait", "x"], &["result", "x"]] {
        let ended = place.run(command);
        assert_eq!(ended.status, 7, "{ended:?}");
        assert!(ended.err.contains("no store") && ended.err.contains("taskwright run"), "{ended:?}");
    }
    assert!(!place.path().join(".taskwright").exists());
}

#[test]
fn a_filter_that_names_nothing_known_is_an_error() {
    let place = Place::new();
    assert_eq!(place.run(&["create", "walkthrough"]).status, 0);
    let state = place.run(&["list", "--state", "done"]);
    assert_eq!((state.status, state.err.contains("awaiting_input")), (2, true), "{state:?}");
    let kind = place.run(&["list", "--kind", "serach"]);
    assert_eq!((kind.status, kind.err.contains("search-files")), (2, true), "{kind:?}");
}

#[test]
fn a_limit_that_no_page_holds_is_clamped_and_said() {
    let place = Place::new();
    for _ in 0..2 {
        place.run(&["run", "walkthrough", "--spec", r#"{"steps":[{"post":"one"},{"post":"two"}]}"#]);
    }
    let id = place.tasks()[0]["id"].as_str().unwrap().to_owned();
    for (asked, applied, shown) in [("5000", 500, 2), ("0", 1, 1)] {
        let said = format!("{asked} were asked for and a limit of {applied} held");
        for (command, list) in [(vec!["list"], "tasks"), (vec!["messages", &id], "messages")] {
            let mut command = command;
            command.extend(["--limit", asked]);
            let told = place.run(&command);
            assert_eq!((told.status, told.err.contains(&said)), (0, true), "{told:?}");
            command.push("--json");
            let page = place.json(&command);
            assert_eq!(page["limit"], json!({"asked": asked.parse::<u64>().unwrap(), "applied": applied}), "{page}");
            assert_eq!(page[list].as_array().map(Vec::len), Some(shown), "{page}");
        }
    }
    let fits = place.run(&["list", "--limit", "2"]);
    assert!(!fits.err.contains("limit"), "{fits:?}");
    let earlier = place.run(&["messages", &id, "--limit", "1"]);
    assert!(earlier.err.contains("there are earlier ones"), "{earlier:?}");
}

#[test]
fn a_name_does_not_hide_a_task_whose_id_begins_so() {
    let place = Place::new();
    let first = id_in(&place.run(&["create", "walkthrough"]).out);
    // Who names a task may not be who looks for one.
    let whole = place.run(&["create", "walkthrough", "--name", &first[..13]]);
    assert_eq!((whole.status, whole.err.contains("beginning of a task's id")), (2, true), "{whole:?}");
    let name = &first["task_".len()..][..4];
    assert_eq!(place.run(&["create", "walkthrough", "--name", name]).status, 0);
    let shown = place.run(&["show", name]);
    assert_eq!((shown.status, shown.err.contains("any of 2 tasks")), (2, true), "{shown:?}");
}

#[test]
fn unknown_and_ambiguous_tasks_are_different_errors() {
    let place = Place::new();
    for _ in 0..2 {
        assert_eq!(place.run(&["create", "walkthrough"]).status, 0);
    }
    let ambiguous = place.run(&["show", "task_0"]);
    assert_eq!((ambiguous.status, ambiguous.err.contains("any of 2 tasks")), (2, true), "{ambiguous:?}");
    let unknown = place.run(&["show", "nobody"]);
    assert_eq!((unknown.status, unknown.err.contains("no task `nobody`")), (7, true), "{unknown:?}");
    let elsewhere = place.run(&["show", "task_0", "--session", "other"]);
    assert_eq!(elsewhere.status, 7, "{elsewhere:?}");
}

#[test]
fn another_process_answers_a_question() {
    let place = Place::new();
    let mut asking = place.start(&["run", "walkthrough", "--spec", ASKING]);
    asking.until("? Go on?");
    let command = asking.until("taskwright answer");
    let id = id_in(&command);
    assert_eq!(place.run(&["wait", &id]).status, 6);
    let wrong = place.run(&["answer", &id, "perhaps"]);
    assert_eq!(wrong.status, 2, "{wrong:?}");
    let answered = place.json(&["answer", &id, "true", "--json"]);
    assert_eq!(answered["answered"], true);
    let ended = asking.end();
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(place.json(&["result", &id, "--json"])["result"]["answers"], json!([true]));
    let again = place.run(&["answer", &id, "true"]);
    assert_eq!((again.status, again.err.contains("asks nothing")), (2, true), "{again:?}");
    assert!(place.run(&["messages", &id]).out.contains("to task"));
}

#[test]
fn another_process_cancels() {
    let place = Place::new();
    let mut staying = place.start(&["run", "walkthrough", "--spec", r#"{"steps":[{"stay":true}]}"#, "--name", "stay"]);
    staying.until("running");
    assert_eq!(place.json(&["cancel", "stay", "--reason", "enough", "--json"])["effect"], "requested");
    let ended = staying.end();
    assert_eq!(ended.status, 4, "{ended:?}");
    assert_eq!(place.run(&["wait", "stay"]).status, 4);
}

#[test]
fn another_process_talks_to_a_task() {
    let place = Place::new();
    let mut staying = place.start(&["run", "walkthrough", "--spec", r#"{"steps":[{"stay":true}]}"#, "--name", "stay"]);
    staying.until("running");
    assert_eq!(place.run(&["send", "stay", "ping"]).status, 0);
    staying.until("echo: ping");
    assert_eq!(place.run(&["wait", "stay", "--timeout", "10ms"]).status, 5);
    assert_eq!(place.run(&["send", "stay", "finish"]).status, 0);
    assert_eq!(staying.end().status, 0);
}

#[cfg(unix)]
#[test]
fn an_interrupt_asks_the_task_to_end() {
    let place = Place::new();
    let mut staying = place.start(&["run", "walkthrough", "--spec", r#"{"steps":[{"stay":true}]}"#]);
    staying.until("running");
    signal(&staying, "INT");
    staying.until("asking the task to end");
    assert_eq!(staying.end().status, 4);
}

#[test]
fn a_task_that_fails_says_why() {
    let place = Place::new();
    let spec = r#"{"steps":[{"fail":{"kind":"no_luck","message":"not today"}}]}"#;
    let ended = place.run(&["run", "walkthrough", "--spec", spec]);
    assert_eq!((ended.status, ended.out.contains("no_luck: not today")), (3, true), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn a_served_task_ends_and_serve_stops_when_told() {
    let place = Place::new();
    let created = place.json(&["create", "walkthrough", "--spec", r#"{"steps":[{"say":"hi"}]}"#, "--json"]);
    let id = created["id"].as_str().unwrap();
    // Without a grant for it, `search-files` is left out and said to be.
    let mut serving = place.start(&["serve", "--slots", "2"]);
    serving.until("--grant files=DIR");
    assert_eq!(place.run(&["wait", id, "--timeout", "60s"]).status, 0);
    let ended = serving.terminate();
    assert_eq!((ended.status, ended.out.contains("serving walkthrough")), (0, true), "{ended:?}");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_stays_as_it_was() {
    let place = Place::new();
    let garbage = b"this is no database, and somebody wants to keep it\n".repeat(10);
    place.write(".taskwright/registry.db", &garbage);
    for command in [&["list"][..], &["run", "walkthrough"], &["serve"]] {
        let ended = place.run(command);
        assert_eq!((ended.status, ended.err.contains("not touched")), (2, true), "{ended:?}");
    }
    assert_eq!(std::fs::read(place.path().join(".taskwright/registry.db")).unwrap(), garbage);
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let place = Place::new();
    let mut running =
        place.start(&["run", "walkthrough", "--spec", r#"{"steps":[{"say":"hello"},{"sleep_ms":600000}]}"#]);
    running.stop_reading();
    let ended = running.end();
    assert!(!ended.err.contains("error") && !ended.err.contains("panicked"), "{ended:?}");
    assert_eq!(place.tasks()[0]["state"], "canceled");
}

#[cfg(unix)]
#[test]
fn hosts_are_listed_while_they_live_and_when_they_were_lost() {
    let place = Place::new();
    let created = place.json(&["create", "walkthrough", "--spec", r#"{"steps":[{"stay":true}]}"#, "--json"]);
    let id = created["id"].as_str().unwrap();
    assert_eq!(place.json(&["hosts", "--json"])["hosts"], json!([]));
    let mut serving = place.start(&["serve", "--lease", "1s"]);
    serving.until_out("serving");
    let holder = loop {
        let task = place.json(&["show", id, "--json"]);
        if let Some(host) = task["dispatch"]["host"]["id"].as_str() {
            break host.to_owned();
        }
    };
    let host = place.json(&["hosts", "--json"])["hosts"][0].clone();
    assert_eq!((&host["alive"], &host["resident"], &host["lease_ms"]), (&json!(true), &json!(1), &json!(1_000)));
    assert_eq!(host["host"]["id"], holder);
    let shown = place.run(&["show", id]).out;
    assert!(shown.contains(&holder) && shown.contains("it starts again from its checkpoint"), "{shown}");
    serving.child.kill().unwrap();
    serving.child.wait().unwrap();
    while place.json(&["hosts", "--json"])["hosts"][0]["alive"] == true {}
    let listed = place.run(&["hosts"]).out;
    assert!(listed.lines().nth(1).is_some_and(|line| line.contains(&holder) && line.contains("lost")), "{listed}");
    assert_eq!(place.json(&["show", id, "--json"])["state"], "running", "nobody has taken over yet");
}

#[test]
fn prune_says_what_it_would_forget_and_forgets_it() {
    let place = Place::new();
    for text in ["one", "two"] {
        let spec = json!({"steps": [{"say": text}]}).to_string();
        assert_eq!(place.run(&["run", "walkthrough", "--spec", &spec]).status, 0);
    }
    place.json(&["create", "walkthrough", "--json"]);
    let files = place.path().join(".taskwright/files/.tasks");
    assert_eq!(std::fs::read_dir(&files).unwrap().count(), 2);
    assert_eq!(place.json(&["prune", "--json"])["forgot"], json!({"tasks": 0, "events": 0}), "not before a month");
    let would = place.run(&["prune", "--older-than", "0s", "--dry-run"]);
    assert_eq!(
        (would.status, would.out.contains("2 tasks of session default would be forgotten")),
        (0, true),
        "{would:?}"
    );
    assert_eq!(place.tasks().len(), 3);
    let forgot = place.json(&["prune", "--older-than", "0s", "--json"])["forgot"].clone();
    assert_eq!(forgot["tasks"], 2);
    assert_eq!(place.tasks().len(), 1, "what lives is kept");
    assert_eq!(std::fs::read_dir(&files).unwrap().count(), 0);
}

#[test]
fn an_attempt_that_takes_too_long_fails_with_what_it_was_allowed() {
    let place = Place::new();
    let spec = r#"{"steps":[{"sleep_ms":600000}]}"#;
    let ended = place.run(&["run", "walkthrough", "--spec", spec, "--attempt-timeout", "50ms"]);
    assert_eq!(
        (ended.status, ended.out.contains("timeout: the attempt took longer than the 50 ms")),
        (3, true),
        "{ended:?}"
    );
    let refused = place.run(&["serve", "--lease", "100ms"]);
    assert_eq!((refused.status, refused.err.contains("expected 1s to 600s")), (2, true), "{refused:?}");
}

#[test]
fn the_compiler_is_a_command_that_nobody_sees_and_that_says_what_it_is() {
    let place = Place::new();
    assert!(!place.run(&["--help"]).out.contains("compile-component"));
    // What it writes to its output is for the process that has started it.
    let ended = place.command(&["compile-component"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.starts_with("this is the compiler of components, which another process"), "{said}");
}

#[test]
fn a_component_that_cannot_be_compiled_in_bounded_memory_is_refused_and_the_next_one_is_not() {
    let place = Place::new();
    place.write("bomb.wasm", bomb());
    place.write("honest.wasm", taskwright_components::WALKTHROUGH);
    let ended = place.run(&["kinds", "verify", "bomb.wasm", "honest.wasm"]);
    assert_eq!(ended.status, 2, "{ended:?}");
    let said = format!("{}{}", ended.out, ended.err);
    assert!(said.contains("bomb.wasm: compiling the component took more than 2147483648 bytes of memory"), "{said}");
    assert!(said.contains("ok honest.wasm: walkthrough"), "{said}");
}

/// Ten thousand loops within one another, each of which has to know of ten thousand variables.
fn bomb() -> Vec<u8> {
    const MANY: usize = 10_000;
    let variables: String =
        (0..MANY).map(|n| format!("(local.set {n} (i64.add (local.get {n}) (i64.const 3)))")).collect();
    let (begin, end) = ("loop ".repeat(MANY), "local.get 0 i32.wrap_i64 br_if 0 end ".repeat(MANY));
    let module = format!("(core module (func (local {}) {begin} {variables} {end}))", "i64 ".repeat(MANY));
    let kind = r#"(instance $kind) (export "taskwright:task/executor@0.1.0" (instance $kind))"#;
    wat::parse_str(format!("(component {module} {kind})")).unwrap()
}
