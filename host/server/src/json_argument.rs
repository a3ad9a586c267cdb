//! Reads JSON from an argument, or from the file that it names with `@`.
//! Does not judge what the JSON says.

use anyhow::Result;
use serde_json::Value;

use crate::exit_code::refused;

/// The JSON of the argument `name`, such as `--spec`.
pub(crate) fn json_argument(name: &str, given: &str) -> Result<Value> {
    let (what, text) = match given.strip_prefix('@') {
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => (format!("the file {path}"), text),
            Err(error) => return Err(refused(format!("{name} @{path}: {error}"))),
        },
        None => (name.to_owned(), given.to_owned()),
    };
    serde_json::from_str(&text).map_err(|error| {
        refused(format!("{what} is not JSON: {error}. Quote it as a whole, as in {name} '{{\"key\":\"value\"}}'"))
    })
}
