//! Counts what lies in a folder, without following a link.
//! Does not change anything.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};

/// What lies in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted {
    /// Bytes of its files, by their lengths.
    pub(super) bytes: u64,
    /// Files, folders and whatever else, the folder itself not included.
    pub(super) entries: u64,
    /// How many folders lie in one another; 0 for a folder without any.
    pub(super) height: usize,
}

/// Counts a folder. Folders that lie deeper than `levels` are counted and not looked into.
pub(super) fn count(folder: BorrowedFd<'_>, levels: usize) -> io::Result<Counted> {
    let mut counted = Counted::default();
    let mut entries = Dir::read_from(folder)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        counted.entries += 1;
        let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT) => continue,
            Err(error) => return Err(error.into()),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                counted.bytes = counted.bytes.saturating_add(u64::try_from(stat.st_size).unwrap_or(0));
            }
            FileType::Directory if levels > 0 => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner = openat(folder, name, flags, Mode::empty())?;
                let inner = count(inner.as_fd(), levels - 1)?;
                counted.bytes = counted.bytes.saturating_add(inner.bytes);
                counted.entries += inner.entries;
                counted.height = counted.height.max(inner.height + 1);
            }
            FileType::Directory => counted.height = counted.height.max(1),
            _ => {}
        }
    }
    Ok(counted)
}
