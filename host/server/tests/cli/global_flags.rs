//! The global flags, with each command: heeded, or refused. And variables that are set to nothing.
//! Does not repeat what a flag does where it is heeded; the tests of each command show that.

use crate::place::Place;

/// A command with what it needs, and the global flags that it heeds.
type Row = (&'static [&'static str], &'static str);

/// Every command but the one that nobody sees. Letters: `d`ir, `s`tore, `f`iles, `c`onfig, `S`ession.
const COMMANDS: &[Row] = &[
    (&["run", "walkthrough"], "dsfcS"),
    (&["create", "walkthrough"], "dsfcS"),
    (&["list"], "dsfS"),
    (&["show", "task_0"], "dsfS"),
    (&["watch", "task_0"], "dsfS"),
    (&["messages", "task_0"], "dsfS"),
    (&["send", "task_0", "text"], "dsfS"),
    (&["answer", "task_0", "text"], "dsfS"),
    (&["cancel", "task_0"], "dsfS"),
    (&["transfer", "task_0", "--to", "there"], "dsfS"),
    (&["wait", "task_0"], "dsfS"),
    (&["hidden", "--timeout", "0s"], "dsfS"),
    (&["wakes"], "dsfS"),
    (&["wakes", "--all-sessions"], "dsf"),
    (&["result", "task_0"], "dsfS"),
    (&["tools"], ""),
    (&["tools", "--spawn", "walkthrough"], "dc"),
    (&["tools", "call", "list_tasks"], "dsfS"),
    (&["tools", "call", "list_tasks", "--spawn", "walkthrough"], "dsfcS"),
    (&["sessions", "list"], "dsf"),
    (&["sessions", "show", "a"], "dsf"),
    (&["sessions", "open", "a"], "dsf"),
    (&["sessions", "suspend", "a"], "dsf"),
    (&["sessions", "resume", "a"], "dsf"),
    (&["sessions", "close", "a"], "dsf"),
    (&["sessions", "delete", "a"], "dsf"),
    (&["external", "register", "scan"], "dsfS"),
    (&["external", "take-on", "task_0"], "dsfS"),
    (&["external", "heartbeat", TOKEN], "dsf"),
    (&["external", "report", TOKEN, "--state", "s"], "dsf"),
    (&["external", "ask", TOKEN, "why"], "dsf"),
    (&["external", "messages", TOKEN], "dsf"),
    (&["external", "checkpoint", TOKEN], "dsf"),
    (&["external", "succeed", TOKEN], "dsf"),
    (&["external", "fail", TOKEN, "--kind", "k", "--message", "m"], "dsf"),
    (&["external", "canceled", TOKEN], "dsf"),
    (&["external", "give-back", TOKEN], "dsf"),
    (&["external", "cancels"], "dsf"),
    (&["external", "heard", TOKEN], "dsf"),
    (&["kinds", "list"], "dc"),
    (&["kinds", "inspect", "walkthrough"], "dc"),
    (&["kinds", "verify", "none.wasm"], "dc"),
    (&["kinds", "install", "none.wasm"], "dc"),
    (&["kinds", "upgrade", "none.wasm"], "dc"),
    (&["kinds", "remove", "none"], "dsf"),
    (&["config", "check"], "dc"),
    (&["config", "show"], "dc"),
    (&["serve"], "dsfc"),
    (&["hosts"], "dsf"),
    (&["prune"], "dsfS"),
    (&["prune", "--all-sessions"], "dsf"),
    (&["repair"], "dsf"),
    (&["backup", "to"], "dsf"),
    (&["restore", "from"], "dsf"),
    (&["migrate", "--from", "sqlite://none.db", "--to", "postgres://nobody@127.0.0.1:1/none"], ""),
];

const TOKEN: &str = "ext1.task_00000000000000000000000000000000.1.1.1.host_00000000000000000000000000000000.1.default";

/// `--state-dir` goes with `--dir`.
const FLAGS: [(char, &str, &str); 6] = [
    ('d', "--dir", "elsewhere"),
    ('d', "--state-dir", "elsewhere"),
    ('s', "--store", "mysql://somewhere"),
    ('f', "--files", "https://somewhere"),
    ('c', "--config", "none.toml"),
    ('S', "--session", "other"),
];

#[test]
fn a_flag_that_a_command_does_not_heed_is_refused() {
    let place = Place::new();
    for (command, heeded) in COMMANDS {
        for (letter, flag, value) in FLAGS.into_iter().filter(|(letter, ..)| !heeded.contains(*letter)) {
            let ended = place.run(&[command, &[flag, value][..]].concat());
            let said = format!("this command does not heed {flag}");
            assert!(ended.status == 2 && ended.err.contains(&said), "{command:?} {letter}: {ended:?}");
        }
    }
    assert!(!place.path().join(".taskwright").exists() && !place.path().join("elsewhere").exists());
}

#[test]
fn a_place_that_is_none_is_refused_wherever_it_counts() {
    let place = Place::new();
    // Of the other flags, the tests of each command show what they do; these two say so before anything else is looked at.
    for (command, heeded) in COMMANDS {
        for (letter, flag, value) in FLAGS.into_iter().filter(|(letter, ..)| "fc".contains(*letter)) {
            if heeded.contains(letter) && !(letter == 'c' && command[0] == "tools") {
                let ended = place.run(&[command, &[flag, value][..]].concat());
                let named = ended.err.contains(if letter == 'c' { value } else { flag });
                assert!(ended.status != 0 && named, "{command:?} {flag}: {ended:?}");
            }
        }
    }
}

/// The commands as the program itself lists them.
fn listed(place: &Place, above: &[&str]) -> Vec<Vec<String>> {
    let help = place.run(&[above, &["--help"][..]].concat()).out;
    let Some((_, commands)) = help.split_once("\nCommands:\n") else {
        return vec![above.iter().map(|name| (*name).to_owned()).collect()];
    };
    let lines = commands.lines().take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  "));
    let names = lines
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next().filter(|_| !line.starts_with("   ")));
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    names.into_iter().flat_map(|name| listed(place, &[above, &[name][..]].concat())).collect()
}

#[test]
fn every_command_is_held_against_every_global_flag() {
    let place = Place::new();
    for name in listed(&place, &[]) {
        let walked = COMMANDS
            .iter()
            .any(|(command, _)| command.iter().zip(&name).filter(|(one, other)| one == other).count() == name.len());
        assert!(walked, "`{}` is missing in the table of this test", name.join(" "));
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let nothing = [
        "TASKWRIGHT_DIR",
        "TASKWRIGHT_STORE",
        "TASKWRIGHT_FILES",
        "TASKWRIGHT_CONFIG",
        "TASKWRIGHT_STATE_DIR",
        "TASKWRIGHT_LOG",
        "NO_COLOR",
    ];
    let state = tempfile::tempdir().unwrap();
    let mut variables: Vec<_> = nothing.into_iter().map(|name| (name, String::new())).collect();
    // The user's state folder, which holds where no other is named.
    variables.push(("XDG_STATE_HOME", state.path().display().to_string()));
    let place = Place::with(variables);
    let created = place.run(&["create", "walkthrough"]);
    assert_eq!(created.status, 0, "{created:?}");
    assert!(place.path().join(".taskwright/registry.db").exists());
    assert_eq!(place.tasks().len(), 1);
}

#[test]
fn a_flag_without_a_value_is_named_and_refused() {
    let place = Place::new();
    for flag in ["--dir", "--store", "--files", "--config", "--state-dir"] {
        let ended = place.run(&["create", "walkthrough", flag, ""]);
        assert!(ended.status == 2 && ended.err.contains(flag), "{flag}: {ended:?}");
        let ended = place.run(&["create", "walkthrough", &format!("{flag}=")]);
        assert!(ended.status == 2 && ended.err.contains(flag), "{flag}: {ended:?}");
    }
    assert!(!place.path().join(".taskwright").exists());
}

#[test]
fn a_span_without_a_unit_is_refused_everywhere() {
    let place = Place::new();
    let commands: [&[&str]; 6] = [
        &["prune", "--older-than", "30"],
        &["serve", "--keep", "30"],
        &["serve", "--lease", "10"],
        &["wait", "task_0", "--timeout", "30"],
        &["create", "walkthrough", "--attempt-timeout", "30"],
        &["create", "walkthrough", "--not-before", "30"],
    ];
    for command in commands {
        let ended = place.run(command);
        assert!(ended.status == 2 && ended.err.contains("unit"), "{command:?}: {ended:?}");
    }
}
