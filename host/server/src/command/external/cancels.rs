//! `external cancels`: the outbox of cancels, for whoever passes them on to where the work is done.
//! Does not take them out: `external heard` does, when they were passed on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::clean_line;
use taskwright_store::{ExternalCancel, Store};
use tokio::sync::broadcast::error::RecvError;

use super::Context;
use crate::cli::CancelsArgs;
use crate::exit_code::Exit;
use crate::render;

/// A look at the store even if nothing was heard, in case something was missed.
const SAFETY_POLL: Duration = Duration::from_secs(5);
/// Wishes that are read at a time.
const PAGE: usize = 1_000;

/// `external cancels`.
pub(super) async fn cancels(context: &Context, args: &CancelsArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    // Subscribed before the first look: what is written in between is not missed.
    let mut changes = store.changes();
    let mut shown = BTreeSet::new();
    loop {
        let there = read(&store).await?;
        for wish in there.iter().filter(|wish| !shown.contains(&name(wish))) {
            show(context, wish, &store)?;
        }
        // What has left the outbox may come again, for the next holder.
        shown = there.iter().map(name).collect();
        if !args.follow {
            if there.is_empty() && !context.out.is_json() {
                context.out.notice("no cancels wait");
            }
            return Ok(Exit::Succeeded);
        }
        match tokio::time::timeout(SAFETY_POLL, changes.recv()).await {
            Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => {}
            // The store's writer is gone; the next look says so.
            Ok(Err(RecvError::Closed)) => tokio::time::sleep(SAFETY_POLL).await,
        }
    }
}

/// Everything in the outbox.
async fn read(store: &Arc<dyn Store>) -> Result<Vec<ExternalCancel>> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = store.external_cancels(after, PAGE).await?;
        all.extend(page.cancels);
        match page.next {
            Some(next) => after = next,
            None => return Ok(all),
        }
    }
}

/// What tells one wish from another: the next holder of a task is to be told anew.
fn name(wish: &ExternalCancel) -> (String, Option<String>) {
    (wish.task_id.to_string(), wish.token.as_ref().map(ToString::to_string))
}

fn show(context: &Context, wish: &ExternalCancel, store: &Arc<dyn Store>) -> Result<()> {
    if context.out.is_json() {
        context.out.json(&json!({
            "session_id": wish.session_id,
            "task_id": wish.task_id,
            "token": wish.token,
            "remote_task_id": wish.remote_task_id,
            "cancel": wish.cancel,
        }))?;
        return Ok(());
    }
    let remote = wish.remote_task_id.as_deref().map_or_else(|| "-".to_owned(), |remote| clean_line(remote, 200));
    let token = wish.token.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let reason = wish.cancel.reason.as_deref().map(|reason| clean_line(reason, 1_000)).unwrap_or_default();
    let age = render::age(wish.cancel.requested_at, store.now());
    context.out.line(format!("{}  {token}  {remote}  {age} ago  {reason}", wish.task_id).trim_end())?;
    Ok(())
}
