//! Finds the task that a person means: by its id, its own name, or the beginning of its id.
//! Does not look beyond the session.

use std::sync::Arc;

use anyhow::Result;
use taskwright_registry::{SessionId, Task, TaskId, clean_line};
use taskwright_store::{Store, TaskFilter, TaskQuery};

use crate::exit_code::{not_found, refused};

/// How many candidates an error names.
const NAMED: usize = 5;

/// The task that is meant.
pub(crate) async fn find_task(store: &Arc<dyn Store>, session: &SessionId, text: &str) -> Result<Task> {
    if let Ok(id) = text.parse::<TaskId>() {
        return Ok(store.get(session, &id).await?);
    }
    let list = async |filter| {
        let query = TaskQuery { filter, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
        store.list(session, &query).await
    };
    let all = TaskFilter { ..TaskFilter::all() };
    let mut page = list(TaskFilter { name: Some(text.to_owned()), ..all.clone() }).await?;
    // The one that lives is meant rather than those that had the name before.
    if let Some(live) = page.tasks.iter().position(|task| task.state.is_live()) {
        page.tasks = vec![page.tasks.swap_remove(live)];
    }
    if let Some(prefix) = TaskId::prefix(text) {
        // Also where there is a name: who chose it may not be who looks, and must not come into what is meant for another.
        let begin_so = list(TaskFilter { id_prefix: Some(prefix), ..all }).await?;
        page.next = page.next.or(begin_so.next);
        let named: Vec<TaskId> = page.tasks.iter().map(|task| task.id.clone()).collect();
        page.tasks.extend(begin_so.tasks.into_iter().filter(|task| !named.contains(&task.id)));
    }
    let shown = clean_line(text, 80);
    if page.tasks.len() > 1 {
        let count = page.tasks.len();
        let (many, more) = match page.next {
            Some(_) => (format!("more than {count}"), "others".to_owned()),
            None => (count.to_string(), format!("{} more", count.saturating_sub(NAMED))),
        };
        let mut ids: Vec<String> = page.tasks.iter().take(NAMED).map(|task| task.id.to_string()).collect();
        ids.extend((count > NAMED).then(|| format!("and {more}")));
        return Err(refused(format!("`{shown}` may be any of {many} tasks: {}; give more of the id", ids.join(", "))));
    }
    page.tasks.pop().ok_or_else(|| {
        not_found(format!(
            "there is no task `{shown}` in session {session}; `taskwright list` shows the ones there are"
        ))
    })
}
