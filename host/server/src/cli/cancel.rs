//! The arguments of `cancel`.
//! Does not act on them.

use clap::{ArgGroup, Args};

/// `cancel`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("scope").required(true).multiple(false).args(["task", "tree", "run", "all"]))]
pub(crate) struct CancelArgs {
    /// The task: its id, the beginning of its id, or its name.
    pub(crate) task: Option<String>,
    /// This task and everything below it, through finished ones; nothing begins under it any more.
    #[arg(long, value_name = "TASK")]
    pub(crate) tree: Option<String>,
    /// Everything that was created in this run, and everything below that; nothing begins in it any more.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Everything that is live in the session now, hidden tasks too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Everything but these tasks.
    #[arg(long, value_name = "TASK", num_args = 1.., requires = "all", conflicts_with_all = ["task", "tree", "run"])]
    pub(crate) keep: Vec<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
