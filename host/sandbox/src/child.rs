//! Child tasks as an instance sees them.
//! Does not begin them: the attempt's host does.

use std::time::Duration;

use serde_json::Value;
use taskwright_registry::{Budget, InputRequest, Progress, State, TaskError, Timestamp};

/// How long the name of a call may be.
pub const CALL_BYTES: usize = 128;
/// How many children are listed or waited for at once.
pub const CHILDREN_AT_ONCE: usize = 100;

/// A child that an instance wants to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChild {
    /// The parent's name for the call: the same again is the same child. 1 to `CALL_BYTES` bytes.
    pub call: String,
    /// Of which kind.
    pub kind: String,
    /// What it is for.
    pub spec: Value,
    /// What a person reads; the kind's name if absent.
    pub display_name: Option<String>,
    /// Unique among the session's live tasks.
    pub name: Option<String>,
    /// Attempts that failures may use up.
    pub max_attempts: u32,
    /// What an attempt may use, if less than otherwise.
    pub budget: Budget,
    /// How long from now until it must be over.
    pub deadline: Option<Duration>,
    /// How long one attempt may take.
    pub attempt_timeout: Option<Duration>,
}

impl NewChild {
    /// A child with one attempt and no wishes.
    #[must_use]
    pub fn new(call: impl Into<String>, kind: impl Into<String>, spec: Value) -> Self {
        Self {
            call: call.into(),
            kind: kind.into(),
            spec,
            display_name: None,
            name: None,
            max_attempts: 1,
            budget: Budget::UNLIMITED,
            deadline: None,
            attempt_timeout: None,
        }
    }
}

/// What beginning a child gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spawned {
    /// The child.
    pub id: String,
    /// Whether this call began it; false if an earlier one did.
    pub fresh: bool,
}

/// A child as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// What a person reads.
    pub display_name: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What it is doing, in its own words.
    pub state_detail: Option<String>,
    /// How far it has come.
    pub progress: Option<Progress>,
    /// What it has asked the session.
    pub question: Option<InputRequest>,
    /// One line about the end.
    pub summary: Option<String>,
    /// Why it, or its last attempt, failed.
    pub error: Option<TaskError>,
    /// Its attempt.
    pub attempt: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}
