//! The arguments of `sessions`, and of the other commands about sessions as a whole.
//! Does not act on them.

use std::time::Duration;

use clap::{Args, Subcommand};
use taskwright_registry::{SessionId, SessionState};

use crate::duration::span;

/// `sessions`.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List the store's sessions, by id.
    List(SessionsListArgs),
    /// Show a session's record, what is live in it, and whether wakes wait.
    Show(OneSession),
    /// Open a session; one that gets its first task is open without.
    Open(OpenArgs),
    /// Let a session's wakes wait; its tasks go on.
    Suspend(OneSession),
    /// Let a session be woken again, also for what has waited.
    Resume(OneSession),
    /// Close a session: each live task ends, moves or stays as its close policy says.
    Close(CloseArgs),
    /// Delete a closed session with everything in it, once nothing in it is live.
    Delete(OneSession),
}

/// `sessions list`.
#[derive(Debug, Args)]
pub(crate) struct SessionsListArgs {
    /// Only sessions in this state; can be repeated.
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    pub(crate) states: Vec<SessionState>,
    /// How many at most: 1 to 500.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: usize,
    /// Only those whose ids come after this one.
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<SessionId>,
}

/// A command about one session.
#[derive(Debug, Args)]
pub(crate) struct OneSession {
    /// The session.
    pub(crate) id: SessionId,
}

/// `sessions open`.
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// The session.
    pub(crate) id: SessionId,
    /// The session on whose behalf it is opened.
    #[arg(long, value_name = "SESSION")]
    pub(crate) owner: Option<SessionId>,
    /// The task of that session on whose behalf: a cancel of its tree reaches what is in here.
    #[arg(long, value_name = "TASK", requires = "owner")]
    pub(crate) owner_task: Option<String>,
}

/// `sessions close`.
#[derive(Debug, Args)]
pub(crate) struct CloseArgs {
    /// The session.
    pub(crate) id: SessionId,
    /// Where tasks go whose close policy is `transfer`.
    #[arg(long, value_name = "ID")]
    pub(crate) successor: Option<SessionId>,
    /// Why; the reason of the cancels too.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Delete it with everything in it, once nothing in it is live.
    #[arg(long)]
    pub(crate) delete: bool,
}

/// `transfer`.
#[derive(Debug, Args)]
pub(crate) struct TransferArgs {
    /// The tasks: their ids, the beginnings of their ids, or their names.
    #[arg(required = true, value_name = "TASK")]
    pub(crate) tasks: Vec<String>,
    /// Where to. The session need not exist.
    #[arg(long, value_name = "SESSION")]
    pub(crate) to: SessionId,
}

/// `hidden`.
#[derive(Debug, Args)]
pub(crate) struct HiddenArgs {
    /// How long at most, such as 30s; for ever unless given.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) timeout: Option<Duration>,
    /// Take note of those that are shown: they are not shown again.
    #[arg(long)]
    pub(crate) acknowledge: bool,
}

/// Reads the state of a session.
fn state(text: &str) -> Result<SessionState, String> {
    let expected = || SessionState::ALL.map(SessionState::as_str).join(", ");
    SessionState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| format!("expected one of {}", expected()))
}
