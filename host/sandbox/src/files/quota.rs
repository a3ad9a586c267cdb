//! How much lies in the task's own folder, and how much may.
//! Does not touch files: whoever does asks before it makes one grow and says when one is gone.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Refused;
use super::path::MAX_DEPTH;
use super::walk;
use crate::AttemptHost;
use crate::meter::Meter;

/// What a file or folder counts for beside its bytes: a block of the usual file systems, for the last one of a file is not full,
/// and a folder has at least one. So what is counted is no less than what the disk gives away, and bounds how many there can be.
pub(crate) const ENTRY_BYTES: u64 = 4_096;

/// Device and inode, hashed.
pub(super) type FileId = (u64, u64);

#[derive(Default)]
struct State {
    bytes: u64,
    /// Files that the instance has open.
    open: HashMap<FileId, Weak<OpenFile>>,
    /// Handles of folders that it has open, the outermost not included.
    folders: usize,
}

/// The quota of one instance. What lay there before it came is counted when it is made.
pub(crate) struct Quota {
    meter: Arc<Meter>,
    host: Arc<dyn AttemptHost>,
    state: Mutex<State>,
}

impl Quota {
    /// For a folder as it is now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn of(folder: &Path, meter: Arc<Meter>, host: Arc<dyn AttemptHost>) -> io::Result<Arc<Self>> {
        let counted = walk::count(std::fs::File::open(folder)?.as_fd(), MAX_DEPTH)?;
        let bytes = counted.bytes.saturating_add(counted.entries.saturating_mul(ENTRY_BYTES));
        meter.files_are(bytes);
        Ok(Arc::new(Self { meter, host, state: Mutex::new(State { bytes, ..State::default() }) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: u64) -> Result<(), Refused> {
        if !self.host.has_disk_space() {
            return Err(Refused::Space);
        }
        let mut state = self.lock();
        let wanted = state.bytes.saturating_add(bytes);
        if !self.meter.files_may_be(wanted) {
            return Err(Refused::Quota);
        }
        state.bytes = wanted;
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
    }

    /// Makes room for one more file or folder.
    pub(super) fn take_entry(&self) -> Result<(), Refused> {
        self.take(ENTRY_BYTES)
    }

    /// One was not made after all, or is gone.
    pub(super) fn give_back_entry(&self) {
        self.give_back(ENTRY_BYTES);
    }

    /// A file that was opened. Handles of one file share what is known of it.
    pub(super) fn opened(self: &Arc<Self>, id: FileId, len: u64) -> Arc<OpenFile> {
        let mut state = self.lock();
        if let Some(open) = state.open.get(&id).and_then(Weak::upgrade) {
            return open;
        }
        let known = Mutex::new(Known { len, removed: false });
        let open = Arc::new(OpenFile { quota: self.clone(), id, known });
        state.open.insert(id, Arc::downgrade(&open));
        open
    }

    /// A file has no name any more. What is still open takes room until it is closed.
    pub(super) fn removed(&self, id: FileId, len: u64) {
        let open = self.lock().open.get(&id).and_then(Weak::upgrade);
        match open {
            Some(open) => open.lock().removed = true,
            None => self.give_back(len.saturating_add(ENTRY_BYTES)),
        }
    }

    /// A handle of a folder below the outermost was opened.
    pub(super) fn folder_opened(&self) {
        self.lock().folders += 1;
    }

    /// It was closed.
    pub(super) fn folder_closed(&self) {
        let mut state = self.lock();
        state.folders = state.folders.saturating_sub(1);
    }

    /// Whether no folder below the outermost is open.
    pub(super) fn no_folder_open(&self) -> bool {
        self.lock().folders == 0
    }
}

struct Known {
    /// How long the file is, or will be when a write under way is done.
    len: u64,
    removed: bool,
}

/// A file that an instance has open, through however many handles and streams.
pub(super) struct OpenFile {
    quota: Arc<Quota>,
    id: FileId,
    known: Mutex<Known>,
}

impl OpenFile {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the file is.
    pub(super) fn len(&self) -> u64 {
        self.lock().len
    }

    /// Makes room for the file to reach as far as `end`.
    pub(super) fn grow_to(&self, end: u64) -> Result<(), Refused> {
        let mut known = self.lock();
        if end > known.len {
            self.quota.take(end - known.len)?;
            known.len = end;
        }
        Ok(())
    }

    /// The file was cut.
    pub(super) fn cut_to(&self, len: u64) {
        let mut known = self.lock();
        if len < known.len {
            self.quota.give_back(known.len - len);
            known.len = len;
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        if known.removed {
            self.quota.give_back(known.len.saturating_add(ENTRY_BYTES));
        }
        let mut state = self.quota.lock();
        if state.open.get(&self.id).is_some_and(|open| open.strong_count() == 0) {
            state.open.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Budget;

    fn quota(folder: &Path, file_bytes: u64) -> (Arc<Quota>, Arc<Meter>) {
        let meter = Arc::new(Meter::new(Budget { file_bytes, ..Budget::default() }));
        (Quota::of(folder, meter.clone(), Arc::new(crate::describe::Nobody)).unwrap(), meter)
    }

    #[test]
    fn what_lies_there_already_counts_with_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/c"), [0; 100]).unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("link")).unwrap();
        let (quota, meter) = quota(folder.path(), 4 * ENTRY_BYTES + 150);
        assert_eq!(meter.usage().file_peak_bytes, 4 * ENTRY_BYTES + 100);
        quota.take(51).unwrap_err();
        quota.take(50).unwrap();
    }

    #[test]
    fn a_removed_file_takes_room_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let (quota, _) = quota(folder.path(), ENTRY_BYTES + 10);
        quota.take_entry().unwrap();
        let (one, two) = (quota.opened((1, 1), 0), quota.opened((1, 1), 0));
        one.grow_to(10).unwrap();
        two.grow_to(10).unwrap();
        two.grow_to(11).unwrap_err();
        quota.removed((1, 1), 10);
        quota.take(1).unwrap_err();
        drop((one, two));
        quota.take(ENTRY_BYTES + 10).unwrap();
    }
}
