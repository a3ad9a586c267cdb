//! `sessions open`: opens a session, on behalf of another or of nobody.
//! Does not create tasks in it.

use anyhow::Result;
use taskwright_registry::SessionOwner;

use super::{Context, report};
use crate::cli::OpenArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;

/// `sessions open`.
pub(super) async fn open(context: &Context, args: OpenArgs) -> Result<Exit> {
    let store = context.home.open_or_create().await?;
    let owner = match args.owner {
        Some(session_id) => {
            let task_id = match &args.owner_task {
                Some(text) => Some(find_task(&store, &session_id, text).await?.id),
                None => None,
            };
            Some(SessionOwner { session_id, task_id })
        }
        None => None,
    };
    report(context, &store.open_session(&args.id, owner).await?)
}
