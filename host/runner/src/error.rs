//! What a caller of the runner is told when something does not work.
//! Does not cover how a task ends: a failed task is an outcome and no error.

use taskwright_registry::{SchemaViolation, TaskId};
use taskwright_sandbox::{LoadError, MissingGrant, SandboxError};
use taskwright_store::StoreError;

use crate::{FilesError, SendError};

/// Why the runner did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The store's reason.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The component was refused; or what a native kind says of itself was.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The sandbox cannot be set up.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The session's files cannot be used.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// No such kind was added.
    #[error("there is no kind `{kind}`; the known ones are: {}", known.join(", "))]
    UnknownKind {
        /// What was asked for.
        kind: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A task began with code that this runner has not got.
    #[error("a task of the kind `{kind}` began with {code}, which is not here; there is: {}. Add it with `keep_kind`", known.join(", "))]
    UnknownCode {
        /// The kind.
        kind: String,
        /// What the task began with.
        code: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Two kinds claim one name.
    #[error(
        "the kind `{kind}` is already there as {present}; this one is {given}. Remove one of them, or replace the first with `upgrade_kind`"
    )]
    DuplicateKind {
        /// The name.
        kind: String,
        /// What is there: the digest of a component, or native code.
        present: String,
        /// What was refused.
        given: String,
    },
    /// The kind cannot work without something that it is not granted.
    #[error("the kind `{kind}` cannot be run: {}", missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    MissingGrants {
        /// The kind.
        kind: String,
        /// What it lacks, each with the line of configuration that would grant it.
        missing: Vec<MissingGrant>,
    },
    /// The specification is not what the kind takes. No task was created.
    #[error(
        "the specification does not fit the kind `{kind}`: {violation}. No task was created; `taskwright kinds inspect {kind}` shows what it takes"
    )]
    Spec {
        /// The kind.
        kind: String,
        /// Where and what.
        violation: SchemaViolation,
    },
    /// A task was to survive the loss of its host, which its kind does not allow. No task was created.
    #[error(
        "a task of the kind `{kind}` with this specification cannot be started again elsewhere: its description does not say so. No task was created; leave `recovery` out"
    )]
    CannotReattach {
        /// The kind.
        kind: String,
    },
    /// The log's beginning was taken away by retention, and the cursor points there.
    #[error("the events {} to {} are no longer kept; the log goes on at {first}", after + 1, first - 1)]
    EventsForgotten {
        /// The cursor.
        after: u64,
        /// The first event that is still there.
        first: u64,
    },
    /// A runner calls one waker.
    #[error("this runner delivers wakes already; one waker serves all sessions, and may hand on what it is given")]
    WakerPresent,
    /// A message was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A list of tasks is too long, or too short.
    #[error("a list of {given} tasks: expected {least} to {most}; split it, or leave out what is over")]
    TaskList {
        /// How many tasks were given.
        given: usize,
        /// How many there must be.
        least: usize,
        /// How many there may be.
        most: usize,
    },
    /// The task asks nothing at the moment.
    #[error("task {id} asks nothing at the moment: it is {state}. Use `send` for a message that answers nothing")]
    NothingAsked {
        /// The task.
        id: TaskId,
        /// Its state.
        state: taskwright_registry::State,
    },
}
