//! The one limit for JSON that comes in from anybody: how deep it nests, before it is stored, checked or copied.
//! Does not count bytes: `size` does. What is stored is wrapped in records and events before it is read again, so the limit lies
//! well below what any reader of JSON takes.

use serde_json::Value;

use crate::key::check_key;
use crate::{NewMessage, NewTask, Part, Rejection, TaskUpdate, limit};

/// How deep a value nests: 0 for one that is neither a list nor an object. It is measured without recursion, whatever is given.
#[must_use]
pub fn json_depth(value: &Value) -> usize {
    let mut deepest = 0;
    let mut open = vec![(value, 0)];
    while let Some((value, above)) = open.pop() {
        let inner: &mut dyn Iterator<Item = &Value> = match value {
            Value::Array(items) => &mut items.iter(),
            Value::Object(fields) => &mut fields.values(),
            _ => continue,
        };
        deepest = deepest.max(above + 1);
        open.extend(inner.map(|value| (value, above + 1)));
    }
    deepest
}

/// Refuses a value that nests deeper than `limit::JSON_DEPTH`.
///
/// # Errors
/// `TooDeep`.
pub fn check_json(field: &'static str, value: &Value) -> Result<(), Rejection> {
    let actual = json_depth(value);
    if actual > limit::JSON_DEPTH {
        return Err(Rejection::TooDeep { field, allowed: limit::JSON_DEPTH, actual });
    }
    Ok(())
}

/// As `check_json`, and takes a value that is refused apart, so that dropping it does not recurse either.
fn admit(field: &'static str, value: &mut Value) -> Result<(), Rejection> {
    let checked = check_json(field, value);
    if checked.is_err() {
        take_apart(value.take());
    }
    checked
}

/// Drops a value level by level: the usual way recurses as deep as the value nests.
fn take_apart(value: Value) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

/// A text that is no JSON that may come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJson {
    /// It is no JSON, or holds a number that no 64 bits can.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// It nests too deep.
    #[error("nests {actual} deep; at most {allowed} are allowed")]
    TooDeep {
        /// The limit.
        allowed: usize,
        /// What was given.
        actual: usize,
    },
}

/// Reads JSON that comes in as text.
///
/// # Errors
/// `InvalidJson`, which does not say whose text it was.
pub fn parse_json(text: &str) -> Result<Value, InvalidJson> {
    let (allowed, actual) = (limit::JSON_DEPTH, text_depth(text));
    if actual > allowed {
        return Err(InvalidJson::TooDeep { allowed, actual });
    }
    serde_json::from_str(text).map_err(|error| InvalidJson::NotJson(error.to_string()))
}

/// How deep a text nests if it is JSON.
fn text_depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl NewTask {
    /// Refuses what no store can keep, before anything copies it or looks it up: a specification that nests too deep, keys that no
    /// column can hold.
    ///
    /// # Errors
    /// `TooDeep`, and the specification is `null` then; `TooLarge`, `Invalid`.
    pub fn check_storable(&mut self) -> Result<(), Rejection> {
        admit("spec", &mut self.spec)?;
        check_key("idempotency_key", self.idempotency_key.as_deref(), limit::IDEMPOTENCY_KEY_BYTES)?;
        let parent = &self.parent;
        for (field, id) in [
            ("parent.task_id", &parent.task_id),
            ("parent.run_id", &parent.run_id),
            ("parent.call_id", &parent.call_id),
            ("parent.agent_id", &parent.agent_id),
        ] {
            check_key(field, id.as_deref(), limit::LINK_BYTES)?;
        }
        Ok(())
    }
}

impl NewMessage {
    /// Refuses data that nests too deep, before anything copies it.
    ///
    /// # Errors
    /// `TooDeep`; what was refused is `null` then.
    pub fn check_storable(&mut self) -> Result<(), Rejection> {
        self.parts.iter_mut().try_for_each(|part| match part {
            Part::Data(value) => admit("message", value),
            Part::Text(_) => Ok(()),
        })
    }
}

impl TaskUpdate {
    /// Refuses a result that nests too deep, before anything copies it, and a schema that does.
    ///
    /// # Errors
    /// `TooDeep`; a refused result is `null` then.
    pub fn check_storable(&mut self) -> Result<(), Rejection> {
        if let Some(expected) = self.input_request.as_ref().and_then(|request| request.expected.as_ref()) {
            check_json("input_request.expected", expected.as_value())?;
        }
        self.result.as_mut().map_or(Ok(()), |result| admit("result", result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn depth_counts_lists_and_objects_alike() {
        assert_eq!(json_depth(&json!("[[[")), 0);
        assert_eq!(json_depth(&json!([])), 1);
        assert_eq!(json_depth(&json!({"a": [1, {"b": null}], "c": 1})), 3);
        assert!(check_json("spec", &nested(limit::JSON_DEPTH)).is_ok());
        let refused = check_json("spec", &nested(limit::JSON_DEPTH + 1)).unwrap_err();
        assert_eq!(refused.to_string(), "spec: nests 65 deep; at most 64 are allowed");
    }

    #[test]
    fn text_is_refused_with_how_deep_it_nests() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(parse_json(&deep(limit::JSON_DEPTH)), Ok(nested(limit::JSON_DEPTH)));
        let refused = parse_json(&deep(125)).unwrap_err().to_string();
        assert_eq!(refused, "nests 125 deep; at most 64 are allowed");
        assert_eq!(parse_json(r#"{"a\\\"]":["[[\\"]}"#).map(|value| json_depth(&value)), Ok(2));
        for wrong in ["{", "1e999", r#""\ud800""#, "nul", "1 2"] {
            let refused = parse_json(wrong).unwrap_err();
            assert!(matches!(&refused, InvalidJson::NotJson(_)), "{wrong}: {refused}");
        }
    }

    #[test]
    fn a_refused_value_is_dropped_without_recursion() {
        let mut value = json!(1);
        for level in 0..2_000_000 {
            value = if level % 2 == 0 {
                Value::Array(vec![value])
            } else {
                Value::Object([(String::new(), value)].into_iter().collect())
            };
        }
        assert!(admit("spec", &mut value).is_err());
        assert!(value.is_null());
    }
}
