//! Guests that try what stands around the sandbox: the host's own files, what comes in, what is hidden, what is left open.
//! Does not repeat what one command of the program makes of it: `host/server/tests/cli` does.

use serde_json::json;
use taskwright_runner::sandbox::{Grants, SpawnGrant};
use taskwright_test_guests as guests;

use crate::hostile::{End, Row};

fn own_folder() -> Grants {
    Grants { task_folder: true, ..Grants::default() }
}

pub(crate) fn reaches_home() -> Vec<Row> {
    let what = "looks for the host's own in a folder that contains it, and writes over it";
    vec![Row::new("reaches_home", what, guests::REACHES_HOME, End::Succeeded("got nothing")).granted_all()]
}

pub(crate) fn nests_deeply() -> Vec<Row> {
    let what = "hands over JSON of every depth up to 130";
    let end = End::Succeeded("posted 64, asked 64");
    vec![Row::new("nests_deeply", what, guests::NESTS_DEEPLY, end).budget(|budget| budget.messages = 1_000)]
}

pub(crate) fn deep_children() -> Vec<Row> {
    let what = "begins children, and sends them messages, with JSON that is too deep";
    let grants = Grants { spawner: Some(SpawnGrant::new(vec!["test-guest".to_owned()])), ..Grants::default() };
    vec![Row::new("deep_children", what, guests::DEEP_CHILDREN, End::Succeeded("begun 64, sent 64")).grants(grants)]
}

pub(crate) fn nul_texts() -> Vec<Row> {
    let what = "puts U+0000 into all JSON and all bytes";
    vec![Row::new("nul_texts", what, guests::NUL_TEXTS, End::Succeeded("ab"))]
}

pub(crate) fn hides_words() -> Vec<Row> {
    let what = "hides sentences in selectors, joiners and fillers";
    vec![Row::new("hides_words", what, guests::HIDES_WORDS, End::Succeeded("done"))]
}

pub(crate) fn forges_panics() -> Vec<Row> {
    let what = "panics with words that read like a panic of the host";
    vec![Row::new("forges_panics", what, guests::FORGES_PANICS, End::Failed("panic", None, "the store is damaged"))]
}

pub(crate) fn leaves_all_open() -> Vec<Row> {
    let what = "opens one of everything, finishes none of it, and ends";
    vec![Row::new("leaves_all_open", what, guests::LEAVES_ALL_OPEN, End::Succeeded("all of it")).grants(own_folder())]
}

pub(crate) fn long_requests() -> Vec<Row> {
    let what = "says megabytes of requests over HTTP, and sends what cannot be sent";
    let end = End::Failed("resource_exhausted", Some("host_calls"), "");
    vec![Row::new("long_requests", what, guests::LONG_REQUESTS, end)]
}

pub(crate) fn hoards_listings() -> Vec<Row> {
    let what = "opens listings and folders for ever";
    let end = End::Succeeded("true refused, at most fifty: true, again: true");
    let row = Row::new("hoards_listings", what, guests::HOARDS_LISTINGS, end).grants(own_folder());
    vec![row.budget(|budget| budget.open_files = 50)]
}

pub(crate) fn tiny_files() -> Vec<Row> {
    let what = "makes empty files until it is refused";
    let row = Row::new("tiny_files", what, guests::TINY_FILES, End::Succeeded("100 files, 0 folders, 0 links"));
    vec![row.grants(own_folder()).budget(|budget| budget.file_bytes = 400 << 10).spec(json!({}))]
}

pub(crate) fn syncs() -> Vec<Row> {
    let what = "has a byte brought to the disk over and over";
    vec![Row::new("syncs", what, guests::SYNCS, End::Succeeded("synced")).grants(own_folder())]
}
