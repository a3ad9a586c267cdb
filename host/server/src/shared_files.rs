//! Whether the hosts of one PostgreSQL keep the files of tasks in one place: the place has a name in it, and the store remembers it.
//! Does not move files, and says nothing of a store in a file, whose hosts are on one machine.

use std::sync::{Arc, OnceLock};

use anyhow::Result;
use taskwright_runner::SessionFiles;
use taskwright_store::PostgresStore;

use crate::exit_code::refused;

/// What is known of it. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedFiles(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    store: OnceLock<PostgresStore>,
    /// Why the files are elsewhere, if they are.
    elsewhere: OnceLock<Option<String>>,
}

impl SharedFiles {
    /// Remembers the store that was opened.
    pub(crate) fn of_store(&self, store: &PostgresStore) {
        // Each further one is the same store.
        let _ = self.0.store.set(store.clone());
    }

    /// Joins the hosts of the store: the first says where the files are, and whoever comes with another place is refused.
    pub(crate) async fn join(&self, files: &SessionFiles, place: &str) -> Result<()> {
        let Some(store) = self.0.store.get() else { return Ok(()) };
        let name = match files.place_name().await? {
            Some(name) => name,
            // Two hosts that begin in one place at once agree on a name before either tells it to the store.
            None => files.name_place(&format!("place_{:032x}", rand::random::<u128>())).await?,
        };
        let expected = store.adopt_files_place(&name).await?;
        if expected == name { Ok(()) } else { Err(refused(why(&expected, Some(&name), place))) }
    }

    /// Why the files are not in this place, if they are not.
    pub(crate) async fn elsewhere(
        &self,
        files: impl FnOnce() -> Result<SessionFiles>,
        place: &str,
    ) -> Result<Option<String>> {
        let Some(store) = self.0.store.get() else { return Ok(None) };
        if let Some(known) = self.0.elsewhere.get() {
            return Ok(known.clone());
        }
        let why = match store.files_place().await? {
            // No host has run anything yet that could say.
            None => None,
            Some(expected) => {
                let found = files()?.place_name().await?;
                (found.as_ref() != Some(&expected)).then(|| why(&expected, found.as_deref(), place))
            }
        };
        Ok(self.0.elsewhere.get_or_init(|| why).clone())
    }

    /// Whether `elsewhere` has found that they are elsewhere.
    pub(crate) fn known_elsewhere(&self) -> bool {
        matches!(self.0.elsewhere.get(), Some(Some(_)))
    }
}

fn why(expected: &str, found: Option<&str>, place: &str) -> String {
    let found = found.map_or_else(|| "has no name".to_owned(), |found| format!("is {found}"));
    format!(
        "the files of this store's tasks are not in {place}: the hosts of a store share one place of files, theirs is {expected}, and \
         this one {found}. Give this host the --files of the others, a folder that all of them mount or a bucket; if the files were \
         moved here, write {expected} into the file .place there"
    )
}
