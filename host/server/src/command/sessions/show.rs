//! `sessions show`: a session's record, what is live in it, and whether wakes wait.
//! Does not list its tasks: `list` does.

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{SessionRecord, SessionState};

use super::Context;
use crate::cli::OneSession;
use crate::exit_code::Exit;
use crate::live_tasks::LiveTasks;
use crate::render;

/// Wakes that are counted.
const COUNTED: usize = 1_000;

/// `sessions show`.
pub(super) async fn show(context: &Context, args: &OneSession) -> Result<Exit> {
    let store = context.home.open().await?;
    let session = store.session(&args.id).await?;
    let live = LiveTasks::count(&store, &args.id).await?;
    // A suspended session gives none, however many wait.
    let wakes = match session.state {
        SessionState::Suspended => None,
        _ => Some(store.wakes(&args.id, COUNTED).await?),
    };
    if context.out.is_json() {
        context
            .out
            .json(&json!({"session": session, "live": live.to_json(), "wakes": wakes.map(|wakes| wakes.len())}))?;
        return Ok(Exit::Succeeded);
    }
    let waiting = match wakes {
        None => format!("wait, if there are any, until `taskwright sessions resume {}`", session.id),
        Some(wakes) if wakes.is_empty() => "none wait".to_owned(),
        Some(wakes) => {
            let more = if wakes.more { ", or more" } else { "" };
            format!("{} wait{more}; `taskwright wakes --session {}` shows them", wakes.len(), session.id)
        }
    };
    let now = store.now();
    let at = |at: Option<taskwright_registry::Timestamp>| at.map(render::time).unwrap_or_default();
    context.out.text(&render::fields(&[
        ("session", session.id.to_string()),
        ("state", context.out.bold(session.state.as_str())),
        ("owner", session.owner.as_ref().map(render::owner).unwrap_or_default()),
        ("live tasks", live.to_string()),
        ("wakes", waiting),
        ("opened", format!("{} ({} ago)", render::time(session.opened_at), render::age(session.opened_at, now))),
        ("suspended", at(session.suspended_at)),
        ("canceled", at(session.canceled_at)),
        ("closed", closed(&session)),
        ("successor", session.successor.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("deletion", if session.delete { "wanted, once nothing in it is live".to_owned() } else { String::new() }),
    ]))?;
    Ok(Exit::Succeeded)
}

/// When it was closed, and why.
fn closed(session: &SessionRecord) -> String {
    let Some(at) = session.closed_at else { return String::new() };
    let why = session.close_reason.as_deref().map(|why| format!(": {}", taskwright_registry::clean_line(why, 4_096)));
    format!("{}{}", render::time(at), why.unwrap_or_default())
}
