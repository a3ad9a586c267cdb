//! Whether the file that was opened, its log and the index of that are still those at their paths.
//! Does not open or read them: closing a second descriptor of the file would give up the locks that SQLite has on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::StoreError;

/// What tells one file from another, whatever its name; none where the system has no such thing.
type FileId = Option<(u64, u64)>;

/// The files of one store.
pub(super) struct Identity {
    files: Vec<(PathBuf, FileId)>,
    /// Once one of them is gone, it stays so: what was read and written since belongs to no store.
    gone: OnceLock<String>,
}

impl Identity {
    /// The files as they are now, of a store that is open.
    pub(super) fn of(path: PathBuf) -> Self {
        let beside = |suffix: &str| {
            let mut name = OsString::from(path.as_os_str());
            name.push(suffix);
            PathBuf::from(name)
        };
        // Without the one that others see, this process and they would write over each other in the log.
        let (log, index) = (beside("-wal"), beside("-shm"));
        let identified = |path: PathBuf| {
            let id = id_of(&path).ok()?;
            Some((path, id))
        };
        Self { files: [path, log, index].into_iter().filter_map(identified).collect(), gone: OnceLock::new() }
    }

    /// Leaves what is at the paths now as it is when a connection is closed, if the store is gone: the last one would else move what
    /// it knows of the log into the file, and remove the log with what others have written to it since.
    pub(super) fn leave_alone_if_gone(&self, connection: &Connection) {
        if self.check().is_err()
            && let Err(error) = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        {
            tracing::warn!(%error, "a store that is gone may be written to when it is closed");
        }
    }

    /// # Errors
    /// `Gone` if another file is there, or none. What cannot be looked at now is taken for unchanged.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.gone.get().is_none()
            && let Some(reason) = self.files.iter().find_map(|(path, id)| changed(path, id))
        {
            // Somebody else may have been faster.
            let _ = self.gone.set(reason);
        }
        match self.gone.get() {
            Some(reason) => Err(StoreError::Gone { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

fn changed(path: &Path, id: &FileId) -> Option<String> {
    match id_of(path) {
        Ok(found) if found == *id => None,
        Ok(_) => Some(format!("another file was put in the place of {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(format!("{} was removed or renamed", path.display()))
        }
        Err(_) => None,
    }
}

fn id_of(path: &Path) -> std::io::Result<FileId> {
    let found = path.symlink_metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok(Some((found.dev(), found.ino())))
    }
    #[cfg(not(unix))]
    {
        let _ = found;
        Ok(None)
    }
}
