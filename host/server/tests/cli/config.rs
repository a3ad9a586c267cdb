//! `taskwright.toml`: what is wrong with it, what holds, and what changes while `serve` runs.
//! Does not test what a grant lets a kind do: the sandbox's tests do.

use serde_json::{Value, json};

use crate::place::{Place, id_in};

const SEARCH: &str = r#"{"pattern":"loud"}"#;

#[test]
fn a_wrong_file_is_told_with_its_place_and_nothing_runs() {
    let place = Place::new();
    place.write(".taskwright/taskwright.toml", "[host]\nslot = 3\n");
    for command in
        [&["run", "walkthrough"][..], &["create", "walkthrough"], &["serve"], &["config", "check"], &["kinds", "list"]]
    {
        let ended = place.run(command);
        assert_eq!(ended.status, 2, "{ended:?}");
        assert!(ended.err.contains("taskwright.toml:2:1: ") && ended.err.contains("`slots`"), "{ended:?}");
    }
    assert!(!place.path().join(".taskwright/registry.db").exists());
    let named = place.run(&["--config", "elsewhere.toml", "config", "check"]);
    assert_eq!((named.status, named.err.contains("elsewhere.toml")), (2, true), "a file that was named must be there");
}

#[test]
fn what_holds_is_shown_as_a_file_that_says_the_same() {
    let place = Place::new();
    let defaults = place.run(&["config", "show"]);
    assert!(defaults.out.contains("slots = 64") && defaults.out.contains("cpu_ms = \"10 m\""), "{defaults:?}");
    place.write(
        "conf/taskwright.toml",
        r#"
        [host]
        slots = 3
        [kinds.search-files.folders]
        files = { path = "../src" }
        [[kinds.asks.http]]
        name = "api"
        allow = ["https://api.example.com"]
        secrets = { token = { env = "A_TOKEN" } }
        [kinds.asks.spawner]
        kinds = ["walkthrough"]
        "#,
    );
    let mut show = place.command(&["--config", "conf/taskwright.toml", "config", "show"]);
    let shown = String::from_utf8(show.env("A_TOKEN", "hunter2").output().unwrap().stdout).unwrap();
    assert!(
        shown.contains("slots = 3") && shown.contains("env = \"A_TOKEN\"") && !shown.contains("hunter2"),
        "{shown}"
    );
    assert!(shown.contains("max_depth = 3") && shown.contains("\"GET\""), "{shown}");
    place.write("again.toml", &shown);
    let again = place.run(&["--config", "again.toml", "config", "show"]);
    let below_the_head = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(below_the_head(&again.out), below_the_head(&shown), "{again:?}");
}

#[test]
fn a_check_finds_what_is_missing_and_what_is_of_no_use() {
    let place = Place::new();
    place.write(
        ".taskwright/taskwright.toml",
        r#"
        [kinds.search-files.folders]
        files = { path = "nowhere" }
        [[kinds.walkthrough.http]]
        name = "api"
        allow = ["https://api.example.com", "http://open.example.com"]
        secrets = { token = { env = "TASKWRIGHT_TEST_NOT_SET" } }
        [kinds.typo]
        "#,
    );
    let ended = place.run(&["config", "check"]);
    assert_eq!(ended.status, 2, "{ended:?}");
    for expected in ["wrong: kinds.search-files.folders.files", "TASKWRIGHT_TEST_NOT_SET is not set", "no kind `typo`"]
    {
        assert!(ended.out.contains(expected), "{expected}: {ended:?}");
    }
    assert!(ended.out.contains("does not want requests `api`"), "{ended:?}");
    assert!(ended.out.contains("may go to http://open.example.com, where anybody on the way can read"), "{ended:?}");
    assert!(!ended.out.contains("may go to https://"), "{ended:?}");
    let ran = place.run(&["run", "search-files", "--spec", SEARCH]);
    assert!(ran.status == 2 && ran.err.contains("nowhere"), "{ran:?}");
}

#[test]
fn a_folder_of_the_configuration_is_granted_and_a_flag_takes_its_place() {
    let place = Place::new();
    place.write("src/one.txt", "loud\n");
    place.write("other/two.txt", "loud and louder\n");
    place.write(".taskwright/taskwright.toml", "[kinds.search-files.folders]\nfiles = { path = \"../src\" }\n");
    let ran = place.run(&["run", "search-files", "--spec", SEARCH]);
    assert!(ran.status == 0 && ran.out.contains("one.txt:1:loud"), "{ran:?}");
    let flag = place.run(&["run", "search-files", "--spec", SEARCH, "--grant", "files=other"]);
    assert!(flag.out.contains("two.txt") && !flag.out.contains("one.txt"), "{flag:?}");
    let about = place.json(&["kinds", "inspect", "search-files", "--json"]);
    assert_eq!(about["given"], json!([{"capability": "files", "name": "files", "given": true, "how": null}]));
}

#[test]
fn a_budget_of_the_task_narrows_and_more_than_is_allowed_is_told() {
    let place = Place::new();
    place
        .write(".taskwright/taskwright.toml", "[budget]\ncpu_ms = \"1 m\"\n[kinds.walkthrough.budget]\nmessages = 5\n");
    let spec = r#"{"steps":[{"say":"x"}]}"#;
    let args = ["run", "walkthrough", "--spec", spec, "--json", "--budget", "cpu_ms=2h", "--budget", "messages=3"];
    let ran = place.run(&args);
    assert!(ran.err.contains("--budget cpu_ms:") && ran.err.contains("the smaller holds"), "{ran:?}");
    assert!(!ran.err.contains("--budget messages"), "{ran:?}");
    let last: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["task"]["budget"], json!({"cpu_ms": 7_200_000, "messages": 3}));
    let allowed = &last["task"]["allowed"];
    assert_eq!((&allowed["cpu_ms"], &allowed["messages"]), (&json!(60_000), &json!(3)));
    let unknown = place.run(&["run", "walkthrough", "--budget", "cpu=1"]);
    assert!(unknown.status == 2 && unknown.err.contains("cpu_ms"), "{unknown:?}");
}

#[test]
fn a_change_holds_while_serve_runs_and_a_wrong_one_does_not() {
    let place = Place::new();
    place.write("src/one.txt", "loud\n");
    let mut serve = place.start(&["serve"]);
    let said = serve.until("not served");
    assert!(said.contains("search-files") && said.contains("[kinds.search-files.folders]"), "{said}");
    serve.until_out("serving walkthrough");
    let granted = "[kinds.search-files.folders]\nfiles = { path = \"../src\" }\n";
    place.write(".taskwright/taskwright.toml", granted);
    serve.until("has changed and holds now");
    let id = place.run(&["create", "search-files", "--spec", SEARCH]).out.trim().to_owned();
    assert_eq!(place.run(&["wait", &id, "--timeout", "60s"]).status, 0);

    place.write(".taskwright/taskwright.toml", "[host]\nslot = 1\n");
    let said = serve.until("not taken over");
    assert!(said.contains("taskwright.toml:2:1"), "{said}");
    // Whoever creates a task reads the configuration too, and would refuse that one.
    place.write("none.toml", "");
    let create = ["--config", "none.toml", "create", "search-files", "--spec", SEARCH];
    let id = place.run(&create).out.trim().to_owned();
    assert_eq!(place.run(&["wait", &id, "--timeout", "60s"]).status, 0, "what held before goes on");

    place.write(".taskwright/taskwright.toml", "# nothing is granted any more\n");
    serve.until("`search-files` is no longer served");
    let id = place.run(&["create", "search-files", "--spec", SEARCH]).out.trim().to_owned();
    let after = place.run(&["create", "walkthrough", "--spec", r#"{"steps":[{"say":"x"}]}"#]).out.trim().to_owned();
    assert_eq!(place.run(&["wait", &after, "--timeout", "60s"]).status, 0);
    assert_eq!(place.json(&["show", &id, "--json"])["state"], "queued");
    #[cfg(unix)]
    {
        // A signal asks for the same without a change's being noticed first.
        place.write(".taskwright/taskwright.toml", granted);
        crate::place::signal(&serve, "HUP");
        assert_eq!(place.run(&["wait", &id, "--timeout", "60s"]).status, 0);
        assert_eq!(serve.terminate().status, 0);
    }
}

#[test]
fn a_folder_that_is_gone_holds_up_no_revocation() {
    let place = Place::new();
    place.write("src/one.txt", "loud\n");
    place.write("other/two.txt", "quiet\n");
    let asks = "[kinds.walkthrough]\ntask_folder = true\n";
    let folder = "[kinds.search-files.folders]\nfiles = { path = \"../src\" }\n";
    place.write(".taskwright/taskwright.toml", format!("{asks}{folder}"));
    let mut serve = place.start(&["serve"]);
    serve.until_out("serving");
    std::fs::remove_dir_all(place.path().join("src")).unwrap();
    // The other kind's table is narrower now, and this one's names what is not there.
    place.write(".taskwright/taskwright.toml", folder);
    let said = serve.until("keeps what it had");
    assert!(said.contains("`search-files`") && said.contains("name a folder that exists"), "{said}");
    serve.until("has changed and holds now");
    // Its own revocation holds too, though a folder that is still named is gone.
    place.write(".taskwright/taskwright.toml", "[kinds.search-files.folders]\nelse = { path = \"../src\" }\n");
    serve.until("`search-files` is no longer served");
    assert_eq!(serve.terminate().status, 0);
}

#[test]
fn a_task_of_run_names_the_code_that_it_began_with() {
    let place = Place::new();
    let mut running = place.start(&["run", "walkthrough", "--spec", r#"{"steps":[{"say":"x"}]}"#]);
    let id = id_in(&running.until("task_"));
    assert_eq!(running.end().status, 0);
    let digest = place.json(&["kinds", "inspect", "walkthrough", "--json"])["digest"].as_str().unwrap().to_owned();
    assert_eq!(place.json(&["show", &id, "--json"])["dispatch"]["code"], json!(digest));
    let kept = place.path().join(".taskwright/kinds").join(format!("{}.wasm", digest.replace(':', "-")));
    assert!(kept.is_file(), "a later version of this program would not have it");
    let pruned = place.run(&["prune", "--older-than", "0s"]);
    assert!(pruned.out.contains(&format!("removed {digest}")) && !kept.exists(), "{pruned:?}");
}

#[test]
fn a_home_that_takes_no_cache_can_be_looked_at() {
    let place = Place::new();
    assert_eq!(place.run(&["create", "walkthrough"]).status, 0);
    let cache = place.path().join(".taskwright/cache");
    let _ = std::fs::remove_dir_all(&cache);
    // Nothing can be made there, whoever runs this.
    std::fs::write(&cache, "").unwrap();
    for command in [&["config", "check"][..], &["kinds", "list"], &["kinds", "inspect", "walkthrough"]] {
        let ended = place.run(command);
        assert_eq!(ended.status, 0, "{command:?}: {ended:?}");
    }
}

#[test]
fn an_empty_path_of_a_folder_is_refused_and_not_the_home() {
    let place = Place::new();
    place.write(".taskwright/taskwright.toml", "[kinds.search-files.folders]\nfiles = { path = \"\" }\n");
    let ended = place.run(&["config", "check"]);
    assert!(ended.status == 2 && ended.err.contains("the path of the folder `files` is empty"), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_and_holds_up_no_end() {
    let place = Place::new();
    let pipe = |name: &str| {
        let path = place.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    pipe("pipe");
    for given in ["@pipe", "@/dev/zero"] {
        let refused = place.run(&["create", "walkthrough", "--spec", given]);
        assert!(refused.status == 2 && refused.err.contains("no regular file"), "{refused:?}");
    }
    let token = place.run(&["external", "heartbeat", "@pipe"]);
    assert!(token.status == 2 && token.err.contains("no regular file"), "{token:?}");
    let mut serve = place.start(&["serve"]);
    serve.until_out("serving");
    pipe(".taskwright/taskwright.toml");
    serve.until("what has changed is not taken over");
    assert_eq!(serve.terminate().status, 0);
    for command in [&["config", "check"][..], &["create", "walkthrough"], &["serve"]] {
        let refused = place.run(command);
        assert!(refused.status == 2 && refused.err.contains("no regular file"), "{command:?}: {refused:?}");
    }
}
