//! `external take-on`: gives a task to whoever does its work from now on.
//! Does not tell whoever had it: the next thing it reports is refused.

use anyhow::Result;

use super::{Context, handed};
use crate::cli::TakeOnArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;

/// `external take-on`.
pub(super) async fn take_on(context: &Context, args: TakeOnArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    let id = find_task(&store, &context.session, &args.task).await?.id;
    let session = context.home.reader(store)?.session(context.session.clone());
    let task = session.take_on(&id, args.remote).await?;
    handed(context, &task, &task.task().await?)
}
