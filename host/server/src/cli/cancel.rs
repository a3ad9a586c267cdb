//! The arguments of `cancel`.
//! Does not act on them.

use clap::Args;

/// `cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The task: its id, the beginning of its id, or its name.
    pub(crate) task: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
