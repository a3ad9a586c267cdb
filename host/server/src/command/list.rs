//! `list`: the session's tasks as a table.
//! Does not show everything of a task: `show` does.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::clean_line;
use taskwright_store::{Hidden, Order, PageLimit, Store, TaskFilter, TaskQuery, UnreadableRow};

use super::Context;
use crate::cli::ListArgs;
use crate::exit_code::Exit;
use crate::find_task::find_task;
use crate::{kind_source, render};

/// Refuses a filter with a kind that nobody knows: it is a mistake, and an empty list would hide it (L24).
pub(super) async fn check_kinds(context: &Context, store: &Arc<dyn Store>, kinds: &[String]) -> Result<()> {
    let known = kind_source::names(&context.home)?;
    for kind in kinds.iter().filter(|kind| !known.contains(kind)) {
        let filter = TaskFilter { kinds: vec![kind.clone()], ..TaskFilter::all() };
        let of_it = store.list(&context.session, &TaskQuery { filter, limit: 1, ..TaskQuery::default() }).await?;
        if of_it.tasks.is_empty() {
            return Err(kind_source::unknown(kind, known));
        }
    }
    Ok(())
}

/// Says that fewer were shown than were asked for because a page holds no more.
pub(super) fn tell_limit(context: &Context, limit: PageLimit) {
    if limit.was_clamped() {
        context.out.notice(&limit.to_string());
    }
}

/// Says what would stand in a page and cannot be read.
pub(super) fn tell_unreadable(context: &Context, rows: &[UnreadableRow]) {
    for row in rows {
        context.out.notice(&clean_line(&row.to_string(), 600));
    }
    if !rows.is_empty() {
        context.out.notice("`taskwright repair` shows all of it, and ends or deletes such tasks");
    }
}

/// `list`.
pub(crate) async fn list(context: &Context, args: ListArgs) -> Result<Exit> {
    let store = context.home.open().await?;
    if !args.kinds.is_empty() {
        check_kinds(context, &store, &args.kinds).await?;
    }
    let after = match &args.after {
        Some(text) => Some(find_task(&store, &context.session, text).await?.id),
        None => None,
    };
    let parent_task_id = match &args.parent {
        Some(text) => Some(find_task(&store, &context.session, text).await?.id.to_string()),
        None => None,
    };
    let filter = TaskFilter {
        kinds: args.kinds,
        states: args.states,
        parent_task_id,
        run_id: args.run,
        hidden: if args.all { Hidden::Included } else { Hidden::LeftOut },
        ..TaskFilter::default()
    };
    let order = if args.newest { Order::NewestFirst } else { Order::OldestFirst };
    let page = store.list(&context.session, &TaskQuery { filter, order, after, limit: args.limit }).await?;
    if context.out.is_json() {
        context.out.json(&json!({
            "tasks": page.tasks, "next": page.next, "limit": page.limit, "unreadable": page.unreadable,
        }))?;
        return Ok(Exit::Succeeded);
    }
    tell_unreadable(context, &page.unreadable);
    let now = store.now();
    let rows: Vec<Vec<String>> = page
        .tasks
        .iter()
        .map(|task| {
            let says = task.summary.as_deref().or(task.state_detail.as_deref()).unwrap_or(&task.display_name);
            vec![
                task.id.to_string(),
                task.state.to_string(),
                clean_line(&task.kind, 40),
                clean_line(task.name.as_deref().unwrap_or("-"), 64),
                render::age(task.created_at, now),
                render::progress(task),
                clean_line(says, 80),
            ]
        })
        .collect();
    if rows.is_empty() {
        context.out.notice(&format!("no such tasks in session {}", context.session));
    } else {
        context.out.text(&render::table(&["TASK", "STATE", "KIND", "NAME", "AGE", "PROGRESS", "SAYS"], &rows))?;
    }
    tell_limit(context, page.limit);
    if let Some(next) = page.next {
        context.out.notice(&format!("there are more: --after {next}"));
    }
    Ok(Exit::Succeeded)
}
