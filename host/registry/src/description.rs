//! What a kind says of itself.
//! Does not trust it: the sandbox checks what a component claims, the operator decides what it gets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Reattach;

/// Something that a kind would like to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// `files`, `http` or `spawner`.
    pub capability: String,
    /// The name that the grant goes by.
    pub name: String,
    /// Why, in the kind's words.
    pub reason: String,
    /// Whether the kind can work without it.
    pub required: bool,
}

/// A kind, as its `describe` gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The kind's name.
    pub kind: String,
    /// Its semantic version.
    pub version: String,
    /// One line for a person.
    pub summary: String,
    /// JSON Schema of a task's specification.
    pub spec_schema: Value,
    /// Which of its tasks can be taken up again after their host was lost.
    pub reattach: Reattach,
    /// Whether its tasks take messages that answer no question.
    pub takes_messages: bool,
    /// What it would like to be allowed.
    pub wants: Vec<Want>,
}
