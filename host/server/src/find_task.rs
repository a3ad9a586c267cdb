//! Finds the task that a person means: by its id, its own name, or the beginning of its id.
//! Does not look beyond the session.

use std::sync::Arc;

use anyhow::Result;
use taskwright_registry::{SessionId, Task, TaskId, clean_line};
use taskwright_store::{Store, TaskFilter, TaskQuery};

use crate::exit_code::{not_found, refused};

/// How many candidates an error names.
const NAMED: usize = 5;

/// Every task of a session, hidden ones too.
pub(crate) async fn every_task(store: &Arc<dyn Store>, session: &SessionId) -> Result<Vec<Task>> {
    let filter = TaskFilter { include_hidden: true, ..TaskFilter::default() };
    let mut query = TaskQuery { filter, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
    let mut tasks = Vec::new();
    loop {
        let page = store.list(session, &query).await?;
        tasks.extend(page.tasks);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(tasks),
        }
    }
}

/// The task that is meant.
pub(crate) async fn find_task(store: &Arc<dyn Store>, session: &SessionId, text: &str) -> Result<Task> {
    if let Ok(id) = text.parse::<TaskId>() {
        return Ok(store.get(session, &id).await?);
    }
    let filter = TaskFilter { include_hidden: true, name: Some(text.to_owned()), ..TaskFilter::default() };
    let query = TaskQuery { filter, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
    let page = store.list(session, &query).await?;
    let (mut named, mut several) = (page.tasks, page.next.is_some());
    // The one that lives is meant rather than those that had the name before.
    if let Some(live) = named.iter().position(|task| task.state.is_live()) {
        return Ok(named.swap_remove(live));
    }
    if named.is_empty() {
        let hex = text.strip_prefix("task_").unwrap_or(text);
        if !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            let prefix = format!("task_{hex}");
            let filter = TaskFilter { include_hidden: true, id_prefix: Some(prefix), ..TaskFilter::default() };
            let query = TaskQuery { filter, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
            let page = store.list(session, &query).await?;
            (named, several) = (page.tasks, page.next.is_some());
        }
    }
    let shown = clean_line(text, 80);
    if named.len() > 1 {
        let more = named.len().saturating_sub(NAMED);
        let mut ids: Vec<String> = named.iter().take(NAMED).map(|task| task.id.to_string()).collect();
        ids.extend((more > 0).then(|| format!("and {more} more")));
        return Err(refused(format!(
            "`{shown}` may be any of {}{} tasks: {}; give more of the id",
            named.len(),
            if several { " or more" } else { "" },
            ids.join(", ")
        )));
    }
    named.pop().ok_or_else(|| {
        not_found(format!(
            "there is no task `{shown}` in session {session}; `taskwright list` shows the ones there are"
        ))
    })
}
