//! JSON Schemas from outside: of specifications, and of answers to questions.
//! Does not follow references to anywhere: a schema that needs one is refused when it is read.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON Schema (draft 2020-12 unless it names another) that was found to be one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct Schema {
    source: Value,
    /// Compiled when it is first needed; clones share it.
    compiled: Arc<OnceLock<Result<jsonschema::Validator, SchemaError>>>,
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl From<Value> for Schema {
    /// Takes a stored schema, which was found to be one when it was stored.
    fn from(source: Value) -> Self {
        Self { source, compiled: Arc::default() }
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        schema.source
    }
}

/// A text or value that is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a usable JSON Schema: {0}")]
pub struct SchemaError(pub String);

/// A value that does not satisfy a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SchemaViolation {
    /// JSON pointer into the value; empty for the value itself.
    pub pointer: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for SchemaViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the whole value" } else { &self.pointer };
        write!(f, "at {place}: {}", self.problem)
    }
}

fn compile(schema: &Value) -> Result<jsonschema::Validator, SchemaError> {
    // The linear-time engine: a pattern in a schema is a guest's, and must not be able to take for ever.
    jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex().size_limit(1 << 20).dfa_size_limit(1 << 20))
        .build(schema)
        .map_err(|error| SchemaError(crate::clean_line(&error.to_string(), 512)))
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// `SchemaError` if it is none, refers to elsewhere, or has a pattern that is too large.
    pub fn new(schema: Value) -> Result<Self, SchemaError> {
        let schema = Self::from(schema);
        match schema.validator() {
            Ok(_) => Ok(schema),
            Err(error) => Err(error.clone()),
        }
    }

    /// Reads a schema from JSON text.
    ///
    /// # Errors
    /// As `new`, and if the text is not JSON.
    pub fn from_json(text: &str) -> Result<Self, SchemaError> {
        let value = serde_json::from_str(text).map_err(|error| SchemaError(error.to_string()))?;
        Self::new(value)
    }

    /// The schema as JSON.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.source
    }

    fn validator(&self) -> Result<&jsonschema::Validator, &SchemaError> {
        self.compiled.get_or_init(|| compile(&self.source)).as_ref()
    }

    /// Checks a value.
    ///
    /// # Errors
    /// The first violation, with its place.
    pub fn check(&self, value: &Value) -> Result<(), SchemaViolation> {
        let validator =
            self.validator().map_err(|error| SchemaViolation { pointer: String::new(), problem: error.to_string() })?;
        validator.validate(value).map_err(|error| SchemaViolation {
            pointer: error.instance_path().to_string(),
            problem: crate::clean_line(&error.to_string(), 512),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_violation_says_where_by_json_pointer() {
        let schema =
            Schema::new(json!({"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}}}}));
        let violation = schema.unwrap().check(&json!({"a":[1,"x"]})).unwrap_err();
        assert_eq!(violation.pointer, "/a/1");
    }

    #[test]
    fn a_remote_reference_is_refused_and_not_followed() {
        assert!(Schema::new(json!({"$ref":"http://127.0.0.1:9/schema.json"})).is_err());
        assert!(Schema::new(json!({"$ref":"file:///etc/passwd"})).is_err());
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        assert!(Schema::new(json!({"type":"no-such-type"})).is_err());
        assert!(Schema::from_json("{").is_err());
    }
}
