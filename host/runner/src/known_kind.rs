//! Whether a kind that somebody names is one.
//! Does not say what it takes: `Runner::kinds` does.

use taskwright_store::{TaskFilter, TaskQuery};

use crate::{RunnerError, Session};

impl Session {
    /// Checks that a filter's kind is one that new tasks can be of, or that a task of this session is of: an unknown one is a
    /// mistake, and an empty list would hide it (L24).
    ///
    /// # Errors
    /// `UnknownKind`; those of the store.
    pub async fn check_kind(&self, kind: &str) -> Result<(), RunnerError> {
        let Err(unknown) = self.inner.catalog.get(kind) else { return Ok(()) };
        let filter = TaskFilter { kinds: vec![kind.to_owned()], ..TaskFilter::all() };
        let page = self.list(&TaskQuery { filter, limit: 1, ..TaskQuery::default() }).await?;
        if page.tasks.is_empty() { Err(unknown) } else { Ok(()) }
    }
}
