//! Reads JSON from an argument, or from the file that it names with `@`.
//! Does not judge what the JSON says.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use taskwright_registry::{InvalidJson, parse_json};

use crate::exit_code::refused;
use crate::plain_file;

/// More than any argument may have as JSON.
const MAX_BYTES: u64 = 16 << 20;

/// The JSON of the argument `name`, such as `--spec`.
pub(crate) fn json_argument(name: &str, given: &str) -> Result<Value> {
    let Some(path) = given.strip_prefix('@') else {
        let advice = format!(". Quote it as a whole, as in {name} '{{\"key\":\"value\"}}'");
        return json(name, given, &advice);
    };
    let read = plain_file::read_text(Path::new(path), MAX_BYTES);
    let text = read.map_err(|error| refused(format!("{name} @{path}: {error}")))?;
    // Some editors begin a file with a byte order mark, which is no part of its text.
    json(&format!("the file {path}"), text.strip_prefix('\u{feff}').unwrap_or(&text), "")
}

/// The JSON that `what` consists of. A text that is none is refused with advice.
pub(crate) fn json(what: &str, text: &str, advice: &str) -> Result<Value> {
    parse_json(text).map_err(|error| match error {
        InvalidJson::NotJson(problem) => refused(format!("{what} is not JSON: {problem}{advice}")),
        deep @ InvalidJson::TooDeep { .. } => refused(format!("{what} {deep}")),
    })
}
