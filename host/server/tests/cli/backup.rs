//! Stores that are closed in an orderly way, backups of homes, and stores that are not where their files are.
//! Does not test what a store promises of its rows; the store's own tests do.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::place::{Ended, Place, id_in};

/// A task of a session that is over, with an artifact.
fn leave_one(place: &Place) -> String {
    let steps = json!([{"say": "hello"}, {"artifact": {"name": "a.txt", "text": "kept"}}]);
    let ran = place.run(&["run", "walkthrough", "--spec", &json!({ "steps": steps }).to_string()]);
    assert_eq!(ran.status, 0, "{ran:?}");
    place.tasks()[0]["id"].as_str().unwrap().to_owned()
}

fn home(place: &Place) -> PathBuf {
    place.path().join(".taskwright")
}

fn has_log(folder: &Path) -> bool {
    ["-wal", "-shm"].iter().any(|end| folder.join(format!("registry.db{end}")).exists())
}

/// What a program sees of one task.
fn seen(place: &Place, dir: &str, id: &str) -> [Value; 2] {
    let artifact: Ended = place.run(&["--dir", dir, "result", id, "--artifact", "a.txt"]);
    [place.json(&["--dir", dir, "show", id, "--json"]), json!(artifact.out)]
}

// L32
#[test]
fn the_file_is_all_there_is_when_a_command_has_ended() {
    let place = Place::new();
    let steps = r#"{"steps":[{"say":"x"}]}"#;
    let commands: [(&[&str], i32); 6] = [
        (&["create", "walkthrough", "--name", "waits"], 0),
        (&["run", "walkthrough", "--spec", steps], 0),
        (&["run", "walkthrough", "--spec", r#"{"steps":[{"fail":{"kind":"k","message":"m"}}]}"#], 3),
        (&["show", "nothing"], 7),
        (&["wait", "waits", "--timeout", "1ms"], 5),
        (&["cancel", "waits"], 0),
    ];
    for (command, status) in commands {
        let ended = place.run(command);
        assert_eq!(ended.status, status, "{ended:?}");
        assert!(!has_log(&home(&place)), "{command:?}");
    }
    // The file alone is the store.
    let moved = place.path().join("moved");
    std::fs::create_dir(&moved).unwrap();
    std::fs::copy(home(&place).join("registry.db"), moved.join("registry.db")).unwrap();
    let tasks = place.json(&["--dir", "moved", "list", "--all", "--json"]);
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 3);
}

#[cfg(unix)]
#[test]
fn the_file_is_all_there_is_when_serve_was_told_to_stop() {
    let place = Place::new();
    let created = place.run(&["create", "walkthrough", "--spec", r#"{"steps":[{"stay":true}]}"#]);
    assert_eq!(created.status, 0, "{created:?}");
    let mut serving = place.start(&["serve", "--drain-grace", "0s"]);
    serving.until_out("serving");
    assert!(has_log(&home(&place)));
    assert_eq!(serving.terminate().status, 0);
    assert!(!has_log(&home(&place)));
}

#[cfg(unix)]
#[test]
fn a_backup_of_a_home_at_work_becomes_a_home_again() {
    let place = Place::new();
    place.write(".taskwright/taskwright.toml", "[host]\nslots = 3\n");
    let id = leave_one(&place);
    let mut serving = place.start(&["serve"]);
    serving.until_out("serving");
    let backup = place.json(&["backup", "saved", "--json"]);
    assert_eq!(backup["with_files"], true);
    // What comes after it is not in it.
    assert_eq!(place.run(&["create", "walkthrough"]).status, 0);
    let restored = place.json(&["--dir", "again", "restore", "saved", "--json"]);
    assert_eq!(restored["files"], backup["files"]);
    assert_eq!(seen(&place, "again", &id), seen(&place, ".taskwright", &id));
    assert!(place.run(&["--dir", "again", "show", &id]).out.contains("again/files/.tasks"));
    let tasks = |dir| place.json(&["--dir", dir, "list", "--all", "--json"])["tasks"].as_array().unwrap().len();
    assert_eq!((tasks("again"), tasks(".taskwright")), (1, 2));
    assert!(place.run(&["--dir", "again", "config", "show"]).out.contains("slots = 3"));
    // Keys and compiled code are made anew, and nobody else reads it.
    let names = |dir: &str| {
        let names = std::fs::read_dir(place.path().join(dir)).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("saved"), ["backup.json", "files", "kinds", "registry.db", "taskwright.toml"]);
    use std::os::unix::fs::PermissionsExt;
    for path in ["saved", "saved/registry.db", "saved/files", "saved/backup.json"] {
        let mode = place.path().join(path).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path}: {mode:o}");
    }
    assert_eq!(serving.terminate().status, 0);
}

#[test]
fn what_a_guest_calls_its_files_keeps_no_home_from_being_copied() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let id = leave_one(&place);
    let own = home(&place).join("files/.tasks").join(&id).join("files");
    let deep: std::path::PathBuf = (0..17).map(|_| "d".repeat(200)).collect();
    std::fs::create_dir_all(own.join(deep)).unwrap();
    std::fs::write(own.join("kept"), "x").unwrap();
    std::fs::write(own.join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    let backup = place.run(&["backup", "saved"]);
    assert_eq!((backup.status, backup.err.contains("not in the backup: 2 of the files")), (0, true), "{backup:?}");
    assert_eq!(place.run(&["--dir", "again", "restore", "saved"]).status, 0);
    assert!(place.path().join("again/files/.tasks").join(&id).join("files/kept").exists());
}

#[test]
fn a_backup_is_not_put_where_a_guest_could_change_it() {
    let place = Place::new();
    leave_one(&place);
    place.write("project/src/main.rs", "");
    place.write(".taskwright/taskwright.toml", "[kinds.search-files.folders]\nfiles = { path = \"../project\" }\n");
    for to in ["project/saved", "project/src/../new/saved", "./project/src"] {
        let refused = place.run(&["backup", to]);
        assert_eq!((refused.status, refused.err.contains("granted as `files`")), (2, true), "{to}: {refused:?}");
    }
    assert!(!place.path().join("project/saved").exists() && !place.path().join("project/new").exists());
    assert_eq!(place.run(&["backup", "saved"]).status, 0);
    assert_eq!(place.run(&["backup", "projects/saved"]).status, 0);
}

#[test]
fn a_backup_that_is_damaged_or_unfinished_is_not_restored() {
    let place = Place::new();
    let id = leave_one(&place);
    assert_eq!(place.run(&["backup", "saved"]).status, 0);
    let artifact = place.path().join(format!("saved/files/.tasks/{id}/artifacts/1.1/a.txt"));
    let refused = |why: &str| {
        let ended = place.run(&["--dir", "again", "restore", "saved"]);
        assert!(ended.status == 2 && ended.err.contains(why), "{ended:?}");
        let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains("again")), "{left:?}");
    };
    std::fs::write(&artifact, "bent").unwrap();
    refused("a.txt is not what was backed up");
    std::fs::remove_file(&artifact).unwrap();
    refused("a.txt: ");
    std::fs::write(&artifact, "kept").unwrap();
    let list = place.path().join("saved/backup.json");
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, text.replace("registry.db", "../registry.db")).unwrap();
    refused("is no path within it");
    std::fs::remove_file(&list).unwrap();
    refused("is no backup, or one that was broken off");
    std::fs::write(&list, text).unwrap();
    assert_eq!(place.run(&["--dir", "again", "restore", "saved"]).status, 0);
}

#[test]
fn a_home_or_backup_that_is_there_is_not_written_over() {
    let place = Place::new();
    leave_one(&place);
    assert_eq!(place.run(&["backup", "saved"]).status, 0);
    for command in [["backup", "saved"], ["restore", "saved"]] {
        let ended = place.run(&command);
        assert!(ended.status == 2 && ended.err.contains("is there and not empty"), "{ended:?}");
    }
    let elsewhere = place.run(&["backup", "to", "--store", "postgres://nobody@127.0.0.1:1/none"]);
    assert!(elsewhere.status == 2 && elsewhere.err.contains("pg_dump"), "{elsewhere:?}");
    assert_eq!(place.run(&["--dir", "none", "backup", "to"]).status, 7);
    assert!(!place.path().join("to").exists());
}

#[test]
fn files_of_tasks_without_their_records_are_said() {
    let place = Place::new();
    let id = leave_one(&place);
    let database = home(&place).join("registry.db");
    let kept = std::fs::read(&database).unwrap();
    std::fs::remove_file(&database).unwrap();
    let said = "there are files of 1 tasks in .taskwright/files/, but no record of them";
    let new = place.run(&["create", "walkthrough"]);
    assert!(new.status == 2 && new.err.contains(said), "{new:?}");
    assert!(!database.exists());
    // One that is there, and has nothing in it.
    assert_eq!(place.run(&["--dir", "empty", "sessions", "open", "a"]).status, 0);
    assert_eq!(place.run(&["--dir", "empty", "sessions", "close", "a", "--delete"]).status, 0);
    std::fs::write(&database, b"").unwrap();
    for command in [&["list"][..], &["create", "walkthrough"], &["serve"]] {
        let empty = place.run(command);
        assert!(empty.status == 2 && empty.err.contains(said), "{empty:?}");
    }
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(home(&place).join(format!("registry.db{end}")));
    }
    std::fs::write(&database, kept).unwrap();
    assert_eq!(place.json(&["show", &id, "--json"])["state"], "succeeded");
}

#[test]
fn prune_forgets_what_was_named_and_nothing_else() {
    let place = Place::new();
    for session in ["one", "other", "default"] {
        assert_eq!(place.run(&["run", "walkthrough", "--session", session]).status, 0);
    }
    let count = |session| place.json(&["list", "--session", session, "--json"])["tasks"].as_array().unwrap().len();
    let would = place.run(&["prune", "--session", "one", "--older-than", "0s", "--dry-run"]);
    assert!(would.out.starts_with("1 tasks of session one would be forgotten"), "{would:?}");
    let one = place.json(&["prune", "--session", "one", "--older-than", "0s", "--json"]);
    assert_eq!((&one["session"], &one["forgot"]), (&json!("one"), &json!({"tasks": 1, "events": 0})));
    assert_eq!((count("one"), count("other"), count("default")), (0, 1, 1));
    // Without a name it is the session of every other command.
    assert_eq!(place.json(&["prune", "--older-than", "0s", "--json"])["forgot"]["tasks"], 1);
    assert_eq!((count("other"), count("default")), (1, 0));
    let all = place.run(&["prune", "--older-than", "0s", "--all-sessions"]);
    assert!(all.out.starts_with("forgot 1 tasks and ") && all.out.contains("of all sessions"), "{all:?}");
    assert_eq!(count("other"), 0);
}

#[test]
fn a_panic_of_a_component_is_told_as_it_was_said() {
    let place = Place::new();
    let ran = place.run(&["run", "walkthrough", "--spec", r#"{"steps":[{"panic":"boom\nsecond"}]}"#]);
    assert_eq!(ran.status, 3, "{ran:?}");
    let task = place.json(&["show", &id_in(&ran.out), "--json"]);
    let message = task["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("boom\nsecond (at ") && message.contains("walk.rs:"), "{message}");
}

#[test]
fn files_that_records_name_and_that_are_missing_are_said() {
    let place = Place::new();
    let id = leave_one(&place);
    let saved = place.run(&["--files", "elsewhere", "backup", "saved"]);
    let said = format!("files/.tasks/{id}/artifacts/1.1/a.txt");
    assert!(
        saved.status == 1 && saved.err.contains("1 files that records name") && saved.err.contains(&said),
        "{saved:?}"
    );
    assert_eq!(place.json(&["backup", "whole", "--json"])["missing"], json!([]));
    std::fs::remove_file(home(&place).join(&said)).unwrap();
    assert_eq!(place.json_of(&["backup", "again", "--json"], 1)["missing"], json!([said]));
}
