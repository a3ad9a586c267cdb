//! Files of this process that are not whole yet, in a folder that other processes use too.
//! Does not say what they are for.
//!
//! Each process has a folder of its own in there, with a lock that goes with the process: what a killed one left behind is removed
//! by the next one that begins a file.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::{TempDir, TempPath};

/// How the folder of a process begins, and what its lock is called.
const PREFIX: &str = "drafts-";
const LOCK: &str = "lock";
/// A folder without a lock is one that is just being made, unless it is older than this.
const UNFINISHED: Duration = Duration::from_secs(3_600);
/// How often it is tried to make one: another process may take it for one that was left behind while it is made.
const TRIES: u32 = 3;

/// Where they are.
#[derive(Debug)]
pub(crate) struct ScratchFolder {
    shared: PathBuf,
    own: Mutex<Option<Arc<OwnFolder>>>,
}

#[derive(Debug)]
struct OwnFolder {
    folder: TempDir,
    _lock: File,
}

/// A file of it, which is removed when this is dropped. It is open only while somebody reads or writes it.
#[derive(Debug)]
pub(crate) struct ScratchFile {
    // In this order: the folder goes last.
    pub(crate) path: TempPath,
    _own: Arc<OwnFolder>,
}

impl ScratchFolder {
    /// In a folder that is there. Nothing is made yet.
    pub(crate) fn new(shared: PathBuf) -> Self {
        Self { shared, own: Mutex::default() }
    }

    /// Where all processes have theirs.
    pub(crate) fn path(&self) -> &Path {
        &self.shared
    }

    /// Begins an empty file. Blocks.
    pub(crate) fn file(&self) -> Result<ScratchFile> {
        let own = {
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            match own.as_ref() {
                Some(own) => own.clone(),
                None => own.insert(Arc::new(OwnFolder::make(&self.shared)?)).clone(),
            }
        };
        let path = tempfile::NamedTempFile::new_in(own.folder.path())?.into_temp_path();
        Ok(ScratchFile { path, _own: own })
    }
}

impl OwnFolder {
    fn make(shared: &Path) -> Result<Self> {
        remove_abandoned(shared)?;
        let mut last = None;
        for _ in 0..TRIES {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(shared)?;
            let lock = File::create_new(folder.path().join(LOCK)).and_then(|lock| {
                lock.try_lock()?;
                Ok(lock)
            });
            match lock {
                Ok(lock) => return Ok(Self { folder, _lock: lock }),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| ErrorKind::WouldBlock.into()))
    }
}

/// Removes the folders of processes that are gone.
fn remove_abandoned(shared: &Path) -> Result<()> {
    for entry in std::fs::read_dir(shared)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let abandoned = match OpenOptions::new().write(true).open(entry.path().join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = entry.metadata().and_then(|about| about.modified());
                made.is_ok_and(|made| SystemTime::now().duration_since(made).is_ok_and(|age| age > UNFINISHED))
            }
            Err(_) => false,
        };
        if abandoned && let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(folder = %entry.path().display(), %error, "what a process left behind is not removed");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_by_the_next() {
        let shared = tempfile::tempdir().unwrap();
        let left = shared.path().join("drafts-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        std::fs::write(left.join("half"), "half a file").unwrap();
        let alive = ScratchFolder::new(shared.path().to_owned());
        let file = alive.file().unwrap();
        assert!(!left.exists());
        let next = ScratchFolder::new(shared.path().to_owned());
        let other = next.file().unwrap();
        assert!(file.path.exists(), "its process is alive");
        drop((alive, next, file, other));
        assert_eq!(std::fs::read_dir(shared.path()).unwrap().count(), 0);
    }
}
