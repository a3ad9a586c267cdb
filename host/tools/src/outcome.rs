//! What a call of a tool gave, as a model reads it.
//! Does not decide what is in it: the tools do; here it is bounded.

use serde::Serialize;
use serde_json::{Value, json};

use crate::fit::{Fitted, fit, json_bytes};
use crate::tool_error::ToolError;

/// How large an outcome is at most, as compact JSON, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// What stands in an outcome in which something was cut.
pub(crate) const CUT: &str = "parts marked with … are not complete";
/// How much of them is for what is added when something was cut.
const FOR_THE_NOTE: usize = 64;

/// What a call of a tool gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolOutcome {
    /// Whether the tool did not do what it was asked for. Nothing has happened then, unless `content.error` is
    /// `unavailable`.
    pub is_error: bool,
    /// What the tool returned: an object. For an error, `error` is its code and `message` says what to do.
    pub content: Value,
}

impl ToolOutcome {
    pub(crate) fn of(result: Result<Value, ToolError>) -> Self {
        match result {
            Ok(content) => Self { is_error: false, content: bounded(&content) },
            Err(error) => {
                let content = json!({"error": error.code(), "message": error.to_string()});
                Self { is_error: true, content: bounded(&content) }
            }
        }
    }
}

impl std::fmt::Display for ToolOutcome {
    /// The content as compact JSON, for models that are given text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.content.fmt(f)
    }
}

fn bounded(content: &Value) -> Value {
    let room = if json_bytes(content) <= MAX_BYTES { MAX_BYTES } else { MAX_BYTES - FOR_THE_NOTE };
    let Fitted { mut value, cut } = fit(content, room);
    if cut && let Value::Object(entries) = &mut value {
        entries.insert("cut".to_owned(), json!(CUT));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_that_was_cut_says_so_and_is_within_its_bound() {
        let long = ToolOutcome::of(Ok(json!({"a": "x".repeat(100_000), "b": "short"})));
        assert!(long.content["cut"].is_string() && long.content["b"] == "short");
        assert!(long.to_string().len() <= MAX_BYTES);
        let nearly = ToolOutcome::of(Ok(json!({"a": "x".repeat(MAX_BYTES - 8)})));
        assert_eq!((nearly.to_string().len(), nearly.content.get("cut")), (MAX_BYTES, None));
        // Small enough as a whole, and yet something in it is cut.
        let deep = (0..100).fold(json!(1), |value, _| json!([value]));
        let deep = ToolOutcome::of(Ok(json!({"a": "x".repeat(MAX_BYTES - 300), "deep": deep})));
        assert!(deep.content["cut"].is_string() && deep.to_string().len() <= MAX_BYTES);
    }
}
