//! `sessions delete`: forgets a closed session with everything in it.
//! Does not end what is live in it.

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::cli::OneSession;
use crate::exit_code::Exit;
use crate::live_tasks::LiveTasks;

/// `sessions delete`.
pub(super) async fn delete(context: &Context, args: &OneSession) -> Result<Exit> {
    let store = context.home.open().await?;
    context.home.refuse_files_elsewhere("the files of the session would stay").await?;
    let session = context.home.reader(store.clone())?.session(args.id.clone());
    let deleted = session.delete().await?;
    if context.out.is_json() {
        context.out.json(&json!({"session_id": args.id, "deleted": deleted}))?;
    } else if deleted {
        context.out.line(&format!("{}  deleted", args.id))?;
    } else {
        let live = LiveTasks::count(&store, &args.id).await?;
        context.out.line(&format!("{}  to be deleted once nothing in it is live", args.id))?;
        context.out.notice(&format!("live in it: {live}; `taskwright serve` deletes it when they are over"));
    }
    Ok(Exit::Succeeded)
}
