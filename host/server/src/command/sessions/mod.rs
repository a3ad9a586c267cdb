//! `sessions`: the commands about sessions as a whole, one file each.
//! Does not act on single tasks.

mod close;
mod delete;
mod list;
mod open;
mod pause;
mod show;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::SessionRecord;

use super::Context;
use crate::cli::SessionsCommand;
use crate::exit_code::Exit;

/// `sessions`.
pub(super) async fn run(context: &Context, command: SessionsCommand) -> Result<Exit> {
    match command {
        SessionsCommand::List(args) => list::list(context, args).await,
        SessionsCommand::Show(args) => show::show(context, &args).await,
        SessionsCommand::Open(args) => open::open(context, args).await,
        SessionsCommand::Suspend(args) => pause::suspend(context, &args).await,
        SessionsCommand::Resume(args) => pause::resume(context, &args).await,
        SessionsCommand::Close(args) => close::close(context, args).await,
        SessionsCommand::Delete(args) => delete::delete(context, &args).await,
    }
}

/// Shows where a session stands now.
fn report(context: &Context, session: &SessionRecord) -> Result<Exit> {
    if context.out.is_json() {
        context.out.json(&json!({"session": session}))?;
    } else {
        context.out.line(&format!("{}  {}", session.id, session.state))?;
    }
    Ok(Exit::Succeeded)
}
