//! Guests that pretend: to be somebody else, to be somewhere else, to write what a person would not read.
//! That no text of theirs speaks to a terminal is looked at after every row.

use serde_json::json;
use taskwright_test_guests as guests;

use crate::hostile::{End, Row, Script};

pub(crate) fn dirty_texts() -> Vec<Row> {
    let what = "puts escapes, bidi overrides and invisible characters into every text";
    let row = |name, way: &str, end| {
        let row = Row::new(name, what, guests::DIRTY_TEXTS, end).spec(json!(way));
        row.budget(|budget| budget.wall_ms = 30_000)
    };
    vec![
        row("dirty_texts: succeeds", "succeeds", End::Succeeded("a[2J")),
        row("dirty_texts: fails", "fails", End::Failed("a__2j__0_t__31m___________________z", None, "a[2J]0;t31m")),
        row("dirty_texts: panics", "panics", End::Failed("panic", None, "a[2J]0;t31m")),
        row("dirty_texts: asks", "asks", End::Succeeded("a[2J")).script(Script::Answer("yes")),
    ]
}

pub(crate) fn forges_ids() -> Vec<Row> {
    let what = "names tasks, messages, sessions and files that are not its own";
    vec![Row::new("forges_ids", what, guests::FORGES_IDS, End::Succeeded("6 keys, "))]
}

pub(crate) fn escapes_in_names() -> Vec<Row> {
    let what = "traps in a function whose name clears the screen";
    vec![Row::new("escapes_in_names", what, *guests::ESCAPES_IN_NAMES, End::Failed("trap", None, "[2J"))]
}

pub(crate) fn touches_wasi() -> Vec<Row> {
    let what = "tries environment, arguments, input, files, processes, threads";
    vec![Row::new("touches_wasi", what, guests::TOUCHES_WASI, End::Succeeded("got: "))]
}
