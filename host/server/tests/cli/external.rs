//! Work that is done elsewhere, by a script that has nothing but the command line.
//! Does not test the fence: the suites of the store and of the runner do.

use serde_json::{Value, json};

#[cfg(unix)]
use crate::place::Ended;
use crate::place::{Place, id_in};

/// Registers a task, and returns its id and its token.
fn register(place: &Place, more: &[&str]) -> (String, String) {
    let ended = place.run(&[&["external", "register", "coding_agent"], more].concat());
    assert_eq!(ended.status, 0, "{ended:?}");
    handed(&ended.out)
}

fn handed(out: &str) -> (String, String) {
    let (id, token) = out.trim_end().split_once("  ").unwrap();
    (id.to_owned(), token.to_owned())
}

#[test]
fn a_script_reports_asks_and_succeeds() {
    let place = Place::new();
    let (id, token) = register(&place, &["--name", "fix", "--spec", r#"{"prompt":"do it"}"#, "--remote", "run-1"]);
    place.write("patch.diff", "+ a line\n");
    place.write("so-far", "step 4");
    let report = place.run(
        &[
            &["external", "report", &token, "--state", "reading", "--progress", "3/7", "--output", "line one"][..],
            &["--post", "half way", "--artifact", "patch.diff=patch.diff", "--checkpoint", "so-far"],
        ]
        .concat(),
    );
    assert_eq!((report.status, report.out.trim()), (0, "running"), "{report:?}");
    let task = place.json(&["show", "fix", "--json"]);
    assert_eq!(
        (&task["id"], &task["state_detail"], &task["state"]),
        (&json!(id), &json!("reading"), &json!("running"))
    );
    assert_eq!(task["progress"], json!({"current": 3, "total": 7}));
    assert_eq!(place.run(&["result", "fix", "--artifact", "patch.diff"]).out, "+ a line\n");
    let shown = place.run(&["show", "fix"]);
    for words in ["last sign of life", "run-1", "only whoever does its work ends it"] {
        assert!(shown.out.contains(words), "no {words:?} in {shown:?}");
    }
    let again = place.run(&["external", "report", &token, "--artifact", "patch.diff=so-far"]);
    assert_eq!((again.status, again.err.contains("already an artifact")), (2, true), "{again:?}");

    let asked = place.run(&["external", "ask", &token, "Which branch?", "--expected", r#"{"enum":["main","next"]}"#]);
    assert_eq!(asked.status, 0, "{asked:?}");
    assert_eq!(place.run(&["wait", "fix"]).status, 6);
    assert_eq!(place.run(&["external", "messages", &token, "--timeout", "10ms"]).status, 5);
    assert_eq!(place.run(&["answer", "fix", "elsewhere"]).status, 2);
    assert_eq!(place.run(&["answer", "fix", "next"]).status, 0);
    let heard = place.run(&["external", "messages", &token, "--take", "--timeout", "30s"]);
    assert!(heard.out.starts_with("tmsg_") && heard.out.ends_with("  next\n"), "{heard:?}");
    assert_eq!(place.run(&["external", "messages", &token]).out, "");

    let done = place.run(&["external", "succeed", &token, "--result", r#"{"files":3}"#, "--summary", "fixed"]);
    assert_eq!((done.status, done.out), (0, format!("{id}  succeeded\n")));
    assert_eq!(place.json(&["result", &id, "--json"])["result"], json!({"files": 3}));
    let watched = place.run(&["watch", &id]);
    assert!(watched.out.contains("line one") && watched.out.contains("half way"), "{watched:?}");
    let over = place.run(&["external", "report", &token, "--state", "more"]);
    assert_eq!((over.status, over.err.contains("succeeded")), (9, true), "{over:?}");
    assert_eq!(place.run(&["external", "take-on", &id]).status, 9);
}

// L52
#[test]
fn who_is_superseded_is_told_by_the_status_and_who_comes_after_has_the_checkpoint() {
    let place = Place::new();
    let (id, first) = register(&place, &["--idempotency-key", "nightly"]);
    place.write("so-far", b"step \xff4");
    assert_eq!(place.run(&["external", "report", &first, "--checkpoint", "so-far"]).status, 0);
    let again = place.run(&["external", "register", "coding_agent", "--idempotency-key", "nightly"]);
    let (same, second) = handed(&again.out);
    assert_eq!(same, id);
    assert!(again.err.contains("superseded") && again.err.contains("checkpoint"), "{again:?}");
    for late in [
        &["external", "heartbeat", &first][..],
        &["external", "report", &first, "--post", "late"],
        &["external", "succeed", &first],
        &["external", "heard", &first],
    ] {
        let late = place.run(late);
        assert_eq!((late.status, late.err.contains("take-on")), (8, true), "{late:?}");
    }
    let written = place.run(&["external", "checkpoint", &second, "--output", "found"]);
    assert_eq!(written.status, 0, "{written:?}");
    assert_eq!(std::fs::read(place.path().join("found")).unwrap(), b"step \xff4");
    assert_eq!(place.run(&["external", "give-back", &second]).status, 0);
    let nobody = place.run(&["show", &id]);
    assert!(nobody.out.contains("nobody has it"), "{nobody:?}");
    assert_eq!(place.run(&["external", "heartbeat", &second]).status, 8);
    let (_, third) = handed(&place.run(&["external", "take-on", &id[..30], "--remote", "run-2"]).out);
    let failed = place.run(&["external", "fail", &third, "--kind", "gave_up", "--message", "no luck"]);
    assert_eq!((failed.status, failed.out), (0, format!("{id}  failed\n")));
    let task = place.json(&["show", &id, "--json"]);
    assert_eq!((&task["error"]["kind"], &task["links"]["remote_task_id"]), (&json!("gave_up"), &json!("run-2")));
    assert_eq!(place.run(&["wait", &id]).status, 3);
}

// L53
#[test]
fn a_cancel_stays_in_the_outbox_until_it_was_heard_and_a_follower_sees_it_come() {
    let place = Place::new();
    let (id, token) = register(&place, &["--remote", "run-1", "--session", "chat"]);
    let mut following = place.start(&["external", "cancels", "--follow", "--json"]);
    assert_eq!(place.run(&["external", "heartbeat", &token]).status, 0);
    assert_eq!(place.run(&["cancel", &id, "--reason", "not needed", "--session", "chat"]).status, 0);
    following.until_out(&token);
    following.child.kill().unwrap();
    following.child.wait().unwrap();
    let told = place.run(&["external", "heartbeat", &token]);
    assert_eq!((told.status, told.out.contains("its end is wanted: not needed")), (4, true), "{told:?}");
    let shown = place.run(&["show", &id, "--session", "chat"]);
    assert!(shown.out.contains("has not heard of it yet"), "{shown:?}");
    let wish = place.json(&["external", "cancels", "--json"]);
    let expected = (json!(id), json!(token), json!("run-1"), json!("not needed"), json!("chat"));
    let of = |wish: &Value| {
        let field = |name: &str| wish[name].clone();
        (
            field("task_id"),
            field("token"),
            field("remote_task_id"),
            wish["cancel"]["reason"].clone(),
            field("session_id"),
        )
    };
    assert_eq!(of(&wish), expected);
    let row = place.run(&["external", "cancels"]);
    assert!(row.out.starts_with(&format!("{id}  {token}  run-1  ")), "{row:?}");
    assert_eq!(place.run(&["external", "heard", &token]).status, 0);
    let none = place.run(&["external", "cancels"]);
    assert_eq!((none.status, none.out.as_str(), none.err.trim()), (0, "", "no cancels wait"));
    assert_eq!(place.run(&["external", "canceled", &token, "--summary", "stopped"]).out, format!("{id}  canceled\n"));
    assert_eq!(place.run(&["wait", &id, "--session", "chat"]).status, 4);
}

#[test]
fn what_is_piped_in_is_the_tasks_output() {
    use std::io::Write;
    let place = Place::new();
    let (id, token) = register(&place, &[]);
    let mut command = place.command(&["external", "report", &token, "--output", "-"]);
    let mut child = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all("first\ngr\u{fc}n\n".as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(place.run(&["external", "succeed", &token]).status, 0);
    let watched = place.run(&["watch", &id]);
    assert!(watched.out.contains("first\ngr\u{fc}n\n"), "{watched:?}");
}

#[test]
fn a_token_may_stand_in_a_file() {
    let place = Place::new();
    let (id, token) = register(&place, &[]);
    place.write("handed", format!("{id}  {token}\n"));
    place.write("bare", &token);
    place.write("empty", "\n");
    place.write("half", &token[..token.len() / 2]);
    assert_eq!(place.run(&["external", "report", "@handed", "--state", "reading"]).status, 0);
    assert_eq!(place.json(&["show", &id, "--json"])["state_detail"], json!("reading"));
    for (file, status) in [("@nowhere", 2), ("@empty", 2), ("@half", 2), ("@bare", 0)] {
        let ended = place.run(&["external", "heartbeat", file]);
        assert_eq!((ended.status, ended.err.contains(&token[..token.len() / 2])), (status, false), "{file}: {ended:?}");
    }
}

#[test]
fn wrong_words_are_bad_input_and_report_nothing() {
    let place = Place::new();
    let (id, token) = register(&place, &[]);
    let created = id_in(&place.run(&["create", "walkthrough"]).out);
    for wrong in [
        &["external", "heartbeat", "ext1.nothing"][..],
        &["external", "report", &token],
        &["external", "report", &token, "--progress", "most"],
        &["external", "report", &token, "--state", "x", "--artifact", "../up=so-far"],
        &["external", "succeed", &token, "--result", "{files"],
        &["external", "ask", &token, "?", "--expected", r#"{"type":"nothing"}"#],
        &["external", "take-on", &created],
        &["external", "register", "agent", "--deadline", "10m"],
    ] {
        let ended = place.run(wrong);
        assert_eq!(ended.status, 2, "{wrong:?}: {ended:?}");
    }
    let missing = place.run(&["external", "report", &token, "--state", "x", "--artifact", "a=nowhere"]);
    assert_eq!((missing.status, missing.err.contains("nowhere")), (7, true), "{missing:?}");
    assert_eq!(place.json(&["show", &id, "--json"])["state_detail"], Value::Null);
    assert_eq!(place.run(&["external", "checkpoint", &token]).status, 7);
}

/// The scripts of the guide, by what their second line says.
#[cfg(unix)]
fn script(says: &str) -> String {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/external-work.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let mut blocks = guide.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.contains(says)).unwrap_or_else(|| panic!("no script that {says}")).to_owned()
}

/// A place with the scripts of the guide and a step that waits for a word through the pipe `gate` where HOLD says so.
#[cfg(unix)]
fn builder() -> Place {
    let place = Place::new();
    place.write("build.sh", script("Builds in three steps"));
    place.write("pass-on.sh", script("Passes cancels on").replace(" --follow", ""));
    place.write("step", "#!/bin/sh\necho \"step $1\"\nif [ \"$1\" = \"${HOLD:-}\" ]; then read -r go <gate; fi\n");
    let make = ["-c", "chmod +x step && mkfifo gate"];
    assert!(std::process::Command::new("sh").args(make).current_dir(place.path()).status().unwrap().success());
    // Whoever watches needs a store.
    assert_eq!(place.run(&["sessions", "open", "default"]).status, 0);
    place
}

/// A script, with this binary in its path.
#[cfg(unix)]
fn shell(place: &Place, args: &[&str], hold: &str) -> std::process::Command {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_taskwright")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = std::process::Command::new("sh");
    command.args(args).current_dir(place.path()).env("PATH", path).env("HOLD", hold).env_remove("TASKWRIGHT_DIR");
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command
}

#[cfg(unix)]
fn stop(mut watching: crate::place::Running) {
    watching.child.kill().unwrap();
    watching.child.wait().unwrap();
}

/// Waits until the second step has begun, of the task that was created as the one of this number.
#[cfg(unix)]
fn in_step_2(place: &Place, number: usize) {
    let mut watching = place.start(&["watch"]);
    for _ in 0..=number {
        watching.until_out("1/3");
    }
    stop(watching);
    let tasks = place.tasks();
    let mut watching = place.start(&["watch", tasks[number]["id"].as_str().unwrap()]);
    watching.until_out("step 2");
    stop(watching);
}

// L52
#[cfg(unix)]
#[test]
fn the_script_of_the_guide_goes_on_where_another_was_and_supersedes_it() {
    let place = builder();
    let first = shell(&place, &["build.sh", "nightly"], "2").spawn().unwrap();
    in_step_2(&place, 0);
    let second = Ended::from(shell(&place, &["build.sh", "nightly"], "").output().unwrap());
    assert_eq!((second.status, second.out.contains("succeeded")), (0, true), "{second:?}");
    assert!(second.err.contains("attempt 2"), "{second:?}");
    let tasks = place.tasks();
    assert_eq!((tasks.len(), &tasks[0]["progress"]["current"]), (1, &json!(3)));
    let log = place.run(&["watch", tasks[0]["id"].as_str().unwrap()]).out;
    let steps: Vec<&str> = log.lines().filter(|line| line.starts_with("step")).collect();
    assert_eq!(steps, ["step 1", "step 2", "step 2", "step 3"], "the second began at the checkpoint");
    std::fs::write(place.path().join("gate"), "go\n").unwrap();
    let first = Ended::from(first.wait_with_output().unwrap());
    assert_eq!((first.status, first.err.contains("superseded")), (1, true), "{first:?}");
}

// L53
#[cfg(unix)]
#[test]
fn the_scripts_of_the_guide_pass_a_cancel_on_or_see_it_themselves() {
    let place = builder();
    let heeds = shell(&place, &["build.sh", "heeds"], "1").spawn().unwrap();
    let mut watching = place.start(&["watch"]);
    watching.until_out("running");
    stop(watching);
    assert_eq!(place.run(&["cancel", "--all", "--reason", "not needed"]).status, 0);
    std::fs::write(place.path().join("gate"), "go\n").unwrap();
    let heeds = Ended::from(heeds.wait_with_output().unwrap());
    assert_eq!((heeds.status, heeds.out.contains("canceled")), (0, true), "{heeds:?}");

    let mut ended = shell(&place, &["build.sh", "ended"], "2").spawn().unwrap();
    in_step_2(&place, 1);
    assert_eq!(place.run(&["cancel", "--all"]).out, "1 asked to end\n");
    let passed = Ended::from(shell(&place, &["pass-on.sh"], "").output().unwrap());
    assert_eq!((passed.status, passed.out.contains("canceled")), (0, true), "{passed:?}");
    assert!(!ended.wait().unwrap().success(), "it was ended by a signal");
    // The step that its shell has left behind.
    std::fs::write(place.path().join("gate"), "go\n").unwrap();
    let of = |task: &Value| (task["state"].clone(), task["summary"].clone());
    let tasks: Vec<_> = place.tasks().iter().map(of).collect();
    let expected = [("canceled", "stopped after step 1"), ("canceled", "its process was ended")];
    assert_eq!(tasks, expected.map(|(state, summary)| (json!(state), json!(summary))));
    assert_eq!(place.run(&["external", "cancels"]).out, "");
}
