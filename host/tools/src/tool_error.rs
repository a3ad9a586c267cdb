//! Why a tool did not do what a model asked for.
//! Does not end anything: it becomes an outcome that the model reads.

use taskwright_registry::{Rejection, SchemaViolation, clean_line};
use taskwright_runner::{FindError, RunnerError, SendError};
use taskwright_store::StoreError;

/// Why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error("there is no tool `{}`; the tools are: {}", clean_line(name, 80), known.join(", "))]
    UnknownTool { name: String, known: Vec<String> },
    #[error("the arguments of `{tool}` are not as its schema says, {violation}; nothing was done, call it again")]
    Arguments { tool: String, violation: SchemaViolation },
    /// Only what an embedder adds to a definition can bring this about.
    #[error("the tool `{tool}` cannot be used here: {problem}")]
    Definition { tool: String, problem: String },
    #[error(transparent)]
    Find(FindError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

impl ToolError {
    /// A word for programs and models.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            ToolError::UnknownTool { .. } => "unknown_tool",
            ToolError::Arguments { .. } => "invalid_arguments",
            ToolError::Definition { .. } => "unavailable",
            ToolError::Find(FindError::Unknown { .. }) => "unknown_task",
            ToolError::Find(FindError::Ambiguous { .. }) => "ambiguous_task",
            ToolError::Find(FindError::Store(error)) => of_store(error),
            ToolError::Runner(error) => of_runner(error),
        }
    }
}

impl From<FindError> for ToolError {
    fn from(error: FindError) -> Self {
        Self::Find(error)
    }
}

impl From<SendError> for ToolError {
    fn from(error: SendError) -> Self {
        Self::Runner(error.into())
    }
}

fn of_runner(error: &RunnerError) -> &'static str {
    match error {
        RunnerError::Store(error) => of_store(error),
        RunnerError::Send(SendError::NotFound { .. }) => "unknown_task",
        RunnerError::Send(SendError::Terminated { .. }) => "task_over",
        RunnerError::Send(SendError::Full { .. }) => "inbox_full",
        RunnerError::Send(SendError::NotAccepting { .. }) => "takes_no_messages",
        RunnerError::Send(SendError::Refused { .. }) => "refused",
        RunnerError::Send(SendError::Store(error)) => of_store(error),
        RunnerError::UnknownKind { .. } => "unknown_kind",
        RunnerError::Spec { .. } => "invalid_spec",
        _ => "refused",
    }
}

fn of_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::NotFound { .. } => "unknown_task",
        StoreError::Rejected(Rejection::Terminal { .. }) => "task_over",
        StoreError::Conflict { .. } => "conflict",
        StoreError::NameTaken { .. } => "name_taken",
        StoreError::Unavailable { .. } | StoreError::Unknown { .. } | StoreError::Corrupt { .. } => "unavailable",
        _ => "refused",
    }
}
