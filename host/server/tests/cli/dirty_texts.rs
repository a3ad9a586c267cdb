//! What a kind writes to speak to the terminal of whoever looks at it.
//! What is stored is tested elsewhere: here it is what is shown.

use taskwright_system_tests::hostile::{table, unclean};

use crate::place::{Ended, Place};

fn looks_clean(args: &[&str], ended: &Ended) {
    for (stream, text) in [("out", &ended.out), ("err", &ended.err)] {
        assert_eq!(unclean(text), None, "{args:?} shows it on std{stream}: {text:?}");
    }
}

// L31
#[test]
fn no_command_shows_a_text_of_a_kind_that_speaks_to_the_terminal() {
    let place = Place::new();
    let rows = table();
    let guest = rows.iter().find(|row| row.name.starts_with("dirty_texts")).expect("the guest").guest;
    place.write("dirty.wasm", guest);
    for way in ["succeeds", "fails", "panics"] {
        let spec = format!("\"{way}\"");
        let args = ["run", "--kind", "dirty.wasm", "--spec", &spec];
        looks_clean(&args, &place.run(&args));
    }
    let tasks = place.tasks();
    assert_eq!(tasks.len(), 3, "{tasks:?}");
    for json in [&[][..], &["--json"]] {
        let looks = |args: &[&str]| {
            let args = [args, json].concat();
            let ended = place.run(&args);
            assert!(!ended.out.is_empty() || !ended.err.is_empty(), "{args:?} shows nothing");
            looks_clean(&args, &ended);
        };
        looks(&["list", "--all"]);
        looks(&["kinds", "inspect", "dirty.wasm"]);
        for task in &tasks {
            let id = task["id"].as_str().expect("an id");
            looks(&["show", id]);
            looks(&["messages", id]);
            looks(&["tools", "call", "get_task", "--arguments", &format!("{{\"task_id\":\"{id}\"}}")]);
            looks(&["tools", "call", "list_tasks"]);
            looks(&["result", id]);
            looks(&["watch", id]);
            looks(&["wait", id]);
        }
    }
}
