//! The check of an answer: a schema from one who may be hostile, a value from another.
//! Does not know which values fit: it only knows what must hold for any.

use serde_json::Value;
use taskwright_registry::{Schema, parse_json};

/// A schema and a value, both JSON, with a zero byte between them. Both are as large as the host takes them at most.
///
/// # Panics
/// If the check does not say the same thing twice, or does not say it in one line.
pub fn answer(bytes: &[u8]) {
    if bytes.len() > 64 * 1024 {
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (schema, value) = text.split_once('\0').unwrap_or((text, "null"));
    let schema = match Schema::from_json(schema) {
        Ok(schema) => schema,
        Err(error) => return super::is_one_line(&error.to_string(), 1_000),
    };
    // As it comes back from the store, which keeps it within a record.
    let text = serde_json::json!({"input_request": {"expected": schema}}).to_string();
    let mut stored: Value = serde_json::from_str(&text).expect("what was accepted can be read back");
    let stored = Schema::from(stored["input_request"]["expected"].take());
    let Ok(value) = parse_json(value) else { return };
    let verdict = schema.check(&value);
    assert_eq!(verdict, stored.check(&value));
    if let Err(violation) = verdict {
        super::is_one_line(&violation.problem, 1_000);
        assert!(value.pointer(&violation.pointer).is_some(), "there is no `{}`", violation.pointer);
    }
}
