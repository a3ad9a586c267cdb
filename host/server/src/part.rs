//! What a person wrote, as a part of a message.
//! Does not send it.

use anyhow::Result;
use serde_json::Value;
use taskwright_registry::{InputRequest, Part, parse_json};

use crate::exit_code::refused;
use crate::json_argument::json;

/// The part that was given: text, or JSON behind `--data`.
pub(crate) fn given(text: Option<&str>, data: Option<&str>) -> Result<Part> {
    match (text, data) {
        (_, Some(data)) => json("--data", data, "").map(Part::Data),
        (Some(text), None) => Ok(Part::Text(text.to_owned())),
        (None, None) => Err(refused("say something: a text, or JSON with --data")),
    }
}

/// An answer in the form that the question expects: text that is only acceptable as JSON, such as `true` where a boolean is
/// expected, becomes data.
pub(crate) fn answer(request: &InputRequest, part: Part) -> Part {
    let (Part::Text(text), Some(expected)) = (&part, &request.expected) else { return part };
    if expected.check(&Value::String(text.clone())).is_ok() {
        return part;
    }
    match parse_json(text) {
        Ok(value) if expected.check(&value).is_ok() => Part::Data(value),
        _ => part,
    }
}
