//! What is the host's own in a folder that is granted: its home, its configuration, its keys.
//! Each attack here worked once.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::json;

use crate::place::Place;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// A place with what another session's task has put out.
fn with_a_secret() -> Place {
    let place = Place::new();
    place.write("notes.txt", "PASSWORD of the notes\n");
    let spec = json!({"steps": [{"say": "PASSWORD of another session"}]}).to_string();
    assert_eq!(place.run(&["run", "walkthrough", "--session", "other", "--spec", &spec]).status, 0);
    place
}

fn searched(place: &Place, spec: &serde_json::Value) -> String {
    let ended = place.run(&["run", "search-files", "--grant", "files=.", "--spec", &spec.to_string()]);
    ended.out + &ended.err
}

#[test]
fn a_grant_around_the_home_shows_nothing_of_it() {
    let place = with_a_secret();
    symlink(".taskwright/files", place.path().join("link")).unwrap();
    std::fs::hard_link(place.path().join(".taskwright/registry.db"), place.path().join("hard.txt")).unwrap();
    let all = searched(&place, &json!({"pattern": "PASSWORD", "hidden": true}));
    assert!(all.contains("notes.txt:1:PASSWORD of the notes"), "{all}");
    assert!(!all.contains("another session"), "{all}");
    for path in [".taskwright", ".taskwright/files", "link", "hard.txt", "./.taskwright/."] {
        let found = searched(&place, &json!({"pattern": "PASSWORD", "path": path, "hidden": true}));
        assert!(!found.contains("another session") && !found.contains("succeeded"), "{path}: {found}");
    }
}

#[test]
fn a_grant_of_what_is_the_hosts_own_is_refused() {
    let place = with_a_secret();
    place.write("secrets/token", "abc");
    place.write("plain/a.txt", "a");
    let table = |folder: &str, access: &str| {
        format!(
            "[kinds.search-files.folders]\nfiles = {{ path = \"{folder}\", access = \"{access}\" }}\n\
             [[kinds.fetch.http]]\nname = \"api\"\nallow = [\"https://a.example\"]\nsecrets = {{ t = {{ file = \"../secrets/token\" }} }}\n"
        )
    };
    let spec = json!({"pattern": "a"}).to_string();
    for (folder, own) in [(".", ".taskwright"), ("files", ".taskwright"), ("../secrets", "nothing but secrets")] {
        place.write(".taskwright/taskwright.toml", table(folder, "write"));
        let check = place.run(&["config", "check"]);
        assert_eq!(check.status, 2, "{check:?}");
        assert!(check.out.contains("the host's own") && check.out.contains(own), "{check:?}");
        let serve = place.run(&["serve"]);
        assert!(serve.status == 2 && serve.err.contains("the host's own"), "{serve:?}");
        let granted = format!("files=.taskwright/{folder}");
        let run = place.run(&["run", "search-files", "--spec", &spec, "--grant", &granted]);
        assert!(run.status == 2 && run.err.contains("grant another one"), "{run:?}");
    }
    place.write(".taskwright/taskwright.toml", table("../plain", "write"));
    assert_eq!(place.run(&["config", "check"]).status, 0);
}

#[test]
fn keys_and_compiled_code_are_not_in_the_home() {
    let place = with_a_secret();
    let home = place.path().join(".taskwright");
    assert!(!home.join("cache").exists() && !home.join("state").exists());
    let state = Place::state();
    assert_eq!((mode(&state), mode(&state.join("code")), mode(&state.join("code/key"))), (0o700, 0o700, 0o600));
    // One of an earlier version, whose key a guest may have read.
    place.write(".taskwright/cache/key", "known to a guest");
    place.write(".taskwright/cache/x.code", "a guest's");
    let out = searched(&place, &json!({"pattern": "PASSWORD"}));
    assert!(out.contains("succeeded") && !home.join("cache").exists(), "{out}");
    let inside =
        place.run(&["run", "search-files", "--spec", "{\"pattern\":\"x\"}", "--grant", "files=.", "--state-dir", "s"]);
    assert!(inside.status == 0 && place.path().join("s/code/key").exists(), "{inside:?}");
    let listed = place.run(&[
        "run",
        "search-files",
        "--spec",
        "{\"pattern\":\".\",\"path\":\"s\"}",
        "--grant",
        "files=.",
        "--state-dir",
        "s",
    ]);
    assert!(listed.status != 0, "{listed:?}");
}

#[test]
fn outputs_are_for_their_owner_whichever_command_came_first() {
    let place = Place::new();
    let home = place.path().join(".taskwright");
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o755)).unwrap();
    let walk = ["run", "walkthrough", "--spec", "{\"steps\":[{\"say\":\"x\"}]}"];
    assert_eq!(place.run(&walk).status, 0);
    assert_eq!((mode(&home), mode(&home.join("files"))), (0o700, 0o700));
    assert_eq!(mode(&home.join("kinds")), 0o700);
    assert_eq!(place.run(&[&["--files", "apart"][..], &walk[..]].concat()).status, 0);
    assert_eq!((mode(&place.path().join("apart")), mode(&place.path().join("apart/.tasks"))), (0o700, 0o700));
}

#[test]
fn an_artifact_is_not_written_over_itself() {
    let place = with_a_secret();
    let spec = "{\"pattern\":\"PASSWORD\"}";
    assert_eq!(place.run(&["run", "search-files", "--grant", "files=.", "--spec", spec]).status, 0);
    let id = place.tasks()[0]["id"].as_str().unwrap().to_owned();
    let shown = place.json(&["result", &id, "--artifact", "matches.txt", "--json"]);
    let path = place.path().join(shown["local_path"].as_str().unwrap());
    let before = std::fs::read(&path).unwrap();
    assert!(!before.is_empty());
    symlink(&path, place.path().join("link")).unwrap();
    std::fs::hard_link(&path, place.path().join("hard")).unwrap();
    for target in [path.to_str().unwrap(), "link", "hard", ".taskwright/registry.db", ".taskwright/new"] {
        let ended = place.run(&["result", &id, "--artifact", "matches.txt", "-o", target]);
        assert!(ended.status == 2 && ended.err.contains("name "), "{target}: {ended:?}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(place.path().join("longer"), "x".repeat(10_000)).unwrap();
    assert_eq!(place.run(&["result", &id, "--artifact", "matches.txt", "-o", "longer"]).status, 0);
    assert_eq!(std::fs::read(place.path().join("longer")).unwrap(), before);
}
