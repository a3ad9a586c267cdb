//! Exit statuses: one for each way a command can end, documented in `--help`.
//! Does not print anything.

use std::fmt;
use std::process::ExitCode;

use taskwright_registry::{Rejection, SessionRejection, State};
use taskwright_runner::{RunnerError, SendError};
use taskwright_sandbox::{LoadError, Refusal};
use taskwright_store::StoreError;

/// The part of `--help` about exit statuses.
pub(crate) const HELP: &str = "\
Exit status:
  0  done; for commands that wait for a task: it succeeded
  1  something broke on this side, such as the disk
  2  bad input: arguments, a specification, a file that is no kind, a store that is none
  3  the task failed
  4  the task was canceled; for reports on work done elsewhere: its end is wanted
  5  the time to wait was over before the task was
  6  the task awaits input
  7  there is no such task, result, artifact, session or store
  8  superseded: somebody else has the task that is done elsewhere
  9  the task, or the session, is over already
  129, 130, 143  cut short by SIGHUP, SIGINT (Ctrl-C), SIGTERM";

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It did what it was asked for.
    Succeeded = 0,
    /// Something broke on this side.
    Broken = 1,
    /// Bad input.
    Refused = 2,
    /// The task failed.
    Failed = 3,
    /// The task was canceled.
    Canceled = 4,
    /// Waiting took too long.
    TimedOut = 5,
    /// The task asks something.
    AwaitingInput = 6,
    /// There is no such thing.
    NotFound = 7,
    /// Somebody else has the task.
    Superseded = 8,
    /// The task, or the session, is over already.
    Over = 9,
    /// Cut short: its terminal was closed.
    HungUp = 129,
    /// Cut short by Ctrl-C.
    Interrupted = 130,
    /// Cut short by a supervisor.
    Terminated = 143,
}

impl Exit {
    /// What a task's state means for a command that waited for it; a live task that asks nothing was not waited for long
    /// enough.
    pub(crate) fn of_state(state: State) -> Self {
        match state {
            State::Succeeded => Exit::Succeeded,
            State::Failed => Exit::Failed,
            State::Canceled => Exit::Canceled,
            State::AwaitingInput => Exit::AwaitingInput,
            State::Queued | State::Running => Exit::TimedOut,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// A problem that the command line itself found, with its exit status.
#[derive(Debug)]
pub(crate) struct Problem {
    exit: Exit,
    message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// Bad input.
pub(crate) fn refused(message: impl Into<String>) -> anyhow::Error {
    Problem { exit: Exit::Refused, message: message.into() }.into()
}

/// Something that is not there.
pub(crate) fn not_found(message: impl Into<String>) -> anyhow::Error {
    Problem { exit: Exit::NotFound, message: message.into() }.into()
}

/// Whether a row that cannot be read is the reason.
pub(crate) fn is_unreadable(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let of_send = |error: &SendError| matches!(error, SendError::Store(StoreError::Unreadable(_)));
        matches!(cause.downcast_ref(), Some(StoreError::Unreadable(_)))
            || matches!(cause.downcast_ref(), Some(RunnerError::Store(StoreError::Unreadable(_))))
            || cause.downcast_ref::<SendError>().is_some_and(of_send)
    })
}

/// Somebody else has the task.
pub(crate) fn superseded(message: impl Into<String>) -> anyhow::Error {
    Problem { exit: Exit::Superseded, message: message.into() }.into()
}

/// The task is over already.
pub(crate) fn over(message: impl Into<String>) -> anyhow::Error {
    Problem { exit: Exit::Over, message: message.into() }.into()
}

/// The exit status for an error.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(problem) = cause.downcast_ref::<Problem>() {
            return problem.exit;
        }
        if let Some(error) = cause.downcast_ref::<RunnerError>() {
            return match error {
                RunnerError::Store(error) => of_store(error),
                RunnerError::Load(error) => of_load(error),
                RunnerError::Send(error) => of_send(error),
                RunnerError::UnknownKind { .. }
                | RunnerError::DuplicateKind { .. }
                | RunnerError::MissingGrants { .. }
                | RunnerError::Spec { .. }
                | RunnerError::UnknownCode { .. }
                | RunnerError::TaskList { .. }
                | RunnerError::NothingAsked { .. } => Exit::Refused,
                _ => Exit::Broken,
            };
        }
        if let Some(error) = cause.downcast_ref::<SendError>() {
            return of_send(error);
        }
        if let Some(error) = cause.downcast_ref::<StoreError>() {
            return of_store(error);
        }
        if let Some(error) = cause.downcast_ref::<LoadError>() {
            return of_load(error);
        }
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return of_refusal(refusal);
        }
    }
    Exit::Broken
}

fn of_load(error: &LoadError) -> Exit {
    match error {
        LoadError::Internal(_) | LoadError::CompilerUnavailable { .. } | LoadError::OtherCompiler { .. } => {
            Exit::Broken
        }
        _ => Exit::Refused,
    }
}

fn of_send(error: &SendError) -> Exit {
    match error {
        SendError::NotFound { .. } => Exit::NotFound,
        SendError::Terminated { .. } => Exit::Over,
        SendError::Store(error) => of_store(error),
        _ => Exit::Refused,
    }
}

fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::NotFound { .. } | StoreError::NoSession { .. } => Exit::NotFound,
        StoreError::Rejected(Rejection::Superseded { .. }) | StoreError::NotHeld { .. } => Exit::Superseded,
        StoreError::Rejected(Rejection::Terminal { .. })
        | StoreError::SessionRejected { reason: SessionRejection::Over { .. }, .. } => Exit::Over,
        StoreError::Unavailable { .. }
        | StoreError::Unknown { .. }
        | StoreError::Refused { .. }
        | StoreError::Gone { .. } => Exit::Broken,
        _ => Exit::Refused,
    }
}

fn of_refusal(refusal: &Refusal) -> Exit {
    match refusal {
        Refusal::Superseded => Exit::Superseded,
        Refusal::Terminal => Exit::Over,
        Refusal::Unavailable => Exit::Broken,
        _ => Exit::Refused,
    }
}

/// Whether the reader of standard output has gone.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
