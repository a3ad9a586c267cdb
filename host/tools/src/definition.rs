//! What a model is told of a tool.
//! Does not hold the tools themselves: each has a module under `call`.

use serde::Serialize;
use serde_json::{Value, json};
use taskwright_registry::{Schema, State};

use crate::tool_error::ToolError;

/// One tool, in the form that models are given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolDefinition {
    /// The tool's name: letters and `_`.
    pub name: String,
    /// What it does, and what it returns.
    pub description: String,
    /// A JSON Schema of its arguments: an object, each property described, and no others allowed.
    pub input_schema: Value,
}

impl ToolDefinition {
    pub(crate) fn new(name: &str, description: impl Into<String>, properties: Value, required: &[&str]) -> Self {
        let input_schema = json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        Self { name: name.to_owned(), description: description.into(), input_schema }
    }

    /// Holds arguments against the schema.
    pub(crate) fn check(&self, arguments: &Value) -> Result<(), ToolError> {
        let schema = Schema::new(self.input_schema.clone())
            .map_err(|error| ToolError::Definition { tool: self.name.clone(), problem: error.to_string() })?;
        schema.check(arguments).map_err(|violation| ToolError::Arguments { tool: self.name.clone(), violation })
    }
}

/// The argument that names a task.
pub(crate) fn task_id() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": 64,
        "description": "The task's id, or the name of a live task.",
    })
}

/// The names of all states.
pub(crate) fn states() -> Vec<&'static str> {
    State::ALL.into_iter().map(State::as_str).collect()
}
