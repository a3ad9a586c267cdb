//! `sessions list`: the store's sessions as a table.
//! Does not count what is in them: `sessions show` does.

use anyhow::Result;
use serde_json::json;
use taskwright_store::SessionQuery;

use super::Context;
use crate::cli::SessionsListArgs;
use crate::command::list::{tell_limit, tell_unreadable};
use crate::exit_code::Exit;
use crate::render;

/// `sessions list`.
pub(super) async fn list(context: &Context, args: SessionsListArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    let query = SessionQuery { states: args.states, after: args.after, limit: args.limit };
    let page = store.sessions(&query).await?;
    if context.out.is_json() {
        context.out.json(&json!({
            "sessions": page.sessions, "next": page.next, "limit": page.limit, "unreadable": page.unreadable,
        }))?;
        return Ok(Exit::Succeeded);
    }
    tell_unreadable(context, &page.unreadable);
    if page.sessions.is_empty() {
        context.out.notice("no such sessions");
        return Ok(Exit::Succeeded);
    }
    let now = store.now();
    let row = |session: &taskwright_registry::SessionRecord| {
        vec![
            session.id.to_string(),
            session.state.to_string(),
            render::age(session.opened_at, now),
            session.owner.as_ref().map_or_else(|| "-".to_owned(), render::owner),
        ]
    };
    let rows: Vec<Vec<String>> = page.sessions.iter().map(row).collect();
    context.out.text(&render::table(&["SESSION", "STATE", "AGE", "OWNER"], &rows))?;
    tell_limit(context, page.limit);
    if let Some(next) = page.next {
        context.out.notice(&format!("there are more: --after {next}"));
    }
    Ok(Exit::Succeeded)
}
