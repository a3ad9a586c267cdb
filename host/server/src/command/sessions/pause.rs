//! `sessions suspend` and `sessions resume`: whether a session is woken.
//! Does not touch its tasks: they go on.

use anyhow::Result;

use super::{Context, report};
use crate::cli::OneSession;
use crate::exit_code::Exit;

/// `sessions suspend`.
pub(super) async fn suspend(context: &Context, args: &OneSession) -> Result<Exit> {
    report(context, &context.home.open().await?.suspend_session(&args.id).await?)
}

/// `sessions resume`.
pub(super) async fn resume(context: &Context, args: &OneSession) -> Result<Exit> {
    report(context, &context.home.open().await?.resume_session(&args.id).await?)
}
