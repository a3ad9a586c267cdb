//! What a walk remembers from one instance and attempt to the next: its checkpoint.
//! It does not hold messages that no step has read: the host delivers those again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The index of the next step.
    pub(crate) next: usize,
    /// Whether the next step is a question that was asked before hibernating.
    pub(crate) asked: bool,
    pub(crate) wakes: u32,
    pub(crate) answers: Vec<Value>,
    pub(crate) messages: Vec<String>,
}
