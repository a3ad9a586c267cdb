//! `repair`: shows what in the store cannot be read, and ends, deletes or mends what it belongs to.
//! Does not touch a task or session that can be read.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::{TaskId, clean_line};
use taskwright_store::{Store, UnreadableRow};

use super::Context;
use crate::cli::RepairArgs;
use crate::exit_code::{Exit, not_found};

/// `repair`.
pub(crate) async fn repair(context: &Context, args: &RepairArgs) -> Result<Exit> {
    let store = context.home.open_as_it_is().await?;
    let found = look(&store).await?;
    if let Some(id) = &args.end {
        let row = of_task(&found, id)?;
        let task = store.end_unreadable(&row.session_id, id).await?;
        if context.out.is_json() {
            context.out.json(&json!({"ended": task}))?;
        } else {
            context.out.line(&format!("{id} is {} now, and can be read", task.state))?;
        }
        return Ok(Exit::Succeeded);
    }
    if let Some(id) = &args.delete {
        let row = of_task(&found, id)?;
        context.home.refuse_files_elsewhere("the files of the task would stay").await?;
        context.home.reader(store)?.delete_unreadable(&row.session_id, id).await?;
        if context.out.is_json() {
            context.out.json(&json!({"deleted": id}))?;
        } else {
            context.out.line(&format!("{id} is deleted, with all that belonged to it"))?;
        }
        return Ok(Exit::Succeeded);
    }
    if let Some(id) = &args.mend {
        let session = store.mend_session(id).await?;
        if context.out.is_json() {
            context.out.json(&json!({"mended": session}))?;
        } else {
            context.out.line(&format!("{id} is {} now, and can be read", session.state))?;
        }
        return Ok(Exit::Succeeded);
    }
    if context.out.is_json() {
        context.out.json(&json!({"unreadable": found}))?;
        return Ok(Exit::Succeeded);
    }
    if found.is_empty() {
        context.out.line("everything can be read")?;
        return Ok(Exit::Succeeded);
    }
    for row in &found {
        context.out.line(&clean_line(&row.to_string(), 600))?;
    }
    context.out.notice(
        "`repair --end TASK` ends a task that cannot be run, as failed; `repair --delete TASK` deletes one; `repair --mend SESSION` \
         gives a session a record again. Events go with the log in time",
    );
    Ok(Exit::Succeeded)
}

/// All rows that cannot be read.
async fn look(store: &Arc<dyn Store>) -> Result<Vec<UnreadableRow>> {
    let (mut found, mut place) = (Vec::new(), None);
    loop {
        let page = store.unreadable(place).await?;
        found.extend(page.rows);
        match page.next {
            Some(next) => place = Some(next),
            None => return Ok(found),
        }
    }
}

/// What of a task cannot be read; an event alone keeps no task from anything.
fn of_task<'f>(found: &'f [UnreadableRow], id: &TaskId) -> Result<&'f UnreadableRow> {
    let row = found.iter().find(|row| row.task_id.as_ref() == Some(id));
    row.ok_or_else(|| {
        not_found(format!("{id} can be read, or there is no such task; `repair` shows what cannot be read"))
    })
}
