//! A host that may open few files, and a session that opens all it can: the others and the operator notice nothing.
//! Does not test the limits of one instance: the sandbox's tests do.

use std::process::{Command, Stdio};

use taskwright_test_guests::FILE_SCRIPT;

use crate::place::{Ended, Place, Running};

/// The command line of `taskwright` in a shell that has lowered the limit on open files for good.
fn limited(place: &Place, files: u32, args: &[&str]) -> Command {
    let binary = place.command(args);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n {files}; exec \"$0\" \"$@\""));
    command.arg(binary.get_program()).args(binary.get_args()).current_dir(place.path()).stdin(Stdio::null());
    for (name, value) in binary.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

fn create(place: &Place, session: &str, script: &str) -> String {
    let spec = format!("\"{script}\"");
    let created = place.run(&["create", "--kind", "guest.wasm", "--session", session, "--spec", &spec]);
    assert_eq!(created.status, 0, "{created:?}");
    created.out.trim().to_owned()
}

const SETTINGS: &str = "[budget]\nopen_files = 100000\n[kinds.test-guest]\ntask_folder = true\n";

#[test]
fn a_session_that_opens_all_it_can_disturbs_no_other() {
    let place = Place::new();
    place.write("guest.wasm", FILE_SCRIPT);
    place.write(".taskwright/taskwright.toml", SETTINGS);
    let serve = ["serve", "--kind", "guest.wasm", "--drain-grace", "1s"];
    let mut serve = Running::spawn(limited(&place, 256, &serve));
    serve.until_out("serving");
    let greedy: Vec<String> =
        (0..4).map(|_| create(&place, "greedy", "write /task/a 1; hoard /task/a; wait")).collect();
    // One of them has all that the session gets, and keeps it.
    let full = |id: &String| {
        let task = place.json(&["show", id, "--session", "greedy", "--json"]);
        task["task"]["state_detail"] == "waiting" || task["state_detail"] == "waiting"
    };
    while !greedy.iter().any(full) {}
    for _ in 0..3 {
        let id = create(&place, "other", "write /task/b 10; read /task/b; ls /task");
        let ended = place.run(&["wait", &id, "--session", "other", "--timeout", "60s"]);
        assert_eq!(ended.status, 0, "{ended:?}");
    }
    // The operator's word is heard all the same.
    place.write(".taskwright/taskwright.toml", format!("{SETTINGS}[kinds.walkthrough.budget]\nmessages = 7\n"));
    let heard = serve.until("holds now");
    assert!(heard.contains("taskwright.toml"), "{heard}");
    let ended = serve.terminate();
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(!ended.err.contains("damaged"), "{ended:?}");
}

#[test]
fn too_low_a_limit_is_refused_at_the_start_with_what_would_do() {
    let place = Place::new();
    let ended = Ended::from(limited(&place, 100, &["serve"]).output().unwrap());
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.err.contains("may have 100 files open") && ended.err.contains("ulimit -n 214"), "{ended:?}");
}
