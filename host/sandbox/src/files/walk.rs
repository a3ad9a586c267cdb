//! Counts what lies in a folder, without following a link.
//! Does not change anything.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

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

/// A folder that was come upon: its name, and the one that it lies in.
struct Found {
    name: CString,
    within: Option<usize>,
    level: usize,
}

/// Counts a folder. Folders that lie deeper than `levels` are counted and not looked into.
///
/// It holds three descriptors at most, however deep the folders lie: each is reached anew from the outermost.
pub(super) fn count(folder: BorrowedFd<'_>, levels: usize) -> io::Result<Counted> {
    let mut counted = Counted::default();
    let mut found: Vec<Found> = Vec::new();
    look_into(folder, None, 0, &mut counted, &mut found)?;
    let mut next = 0;
    while let Some(level) = found.get(next).map(|folder| folder.level) {
        if level <= levels {
            match reach(folder, &found, next) {
                Ok(inner) => look_into(inner.as_fd(), Some(next), level, &mut counted, &mut found)?,
                // Gone since it was found.
                Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        next += 1;
    }
    Ok(counted)
}

/// Opens a folder that was found, from the outermost on, and follows no link.
fn reach(outermost: BorrowedFd<'_>, found: &[Found], which: usize) -> rustix::io::Result<OwnedFd> {
    let mut names = Vec::new();
    let mut at = Some(which);
    while let Some(folder) = at.and_then(|at| found.get(at)) {
        names.push(&folder.name);
        at = folder.within;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut reached: Option<OwnedFd> = None;
    for name in names.into_iter().rev() {
        let within = reached.as_ref().map_or(outermost, AsFd::as_fd);
        reached = Some(openat(within, name, flags, Mode::empty())?);
    }
    reached.ok_or(rustix::io::Errno::NOENT)
}

/// Counts what lies in one folder itself, and notes the folders among it.
fn look_into(
    folder: BorrowedFd<'_>,
    within: Option<usize>,
    level: usize,
    counted: &mut Counted,
    found: &mut Vec<Found>,
) -> io::Result<()> {
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
            FileType::Directory => {
                let level = level + 1;
                counted.height = counted.height.max(level);
                found.push(Found { name: name.to_owned(), within, level });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_tree_is_counted_to_its_bottom_and_no_further() {
        let root = tempfile::tempdir().unwrap();
        let mut path = root.path().to_owned();
        for depth in 0..10 {
            path.push("d");
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("f"), vec![0; depth + 1]).unwrap();
            std::fs::create_dir(path.join("empty")).unwrap();
        }
        let folder = std::fs::File::open(root.path()).unwrap();
        // Ten folders with a file and an empty folder each.
        assert_eq!(count(folder.as_fd(), 64).unwrap(), Counted { bytes: 55, entries: 30, height: 11 });
        // Into three of them, the last of which has one more of each.
        assert_eq!(count(folder.as_fd(), 3).unwrap(), Counted { bytes: 6, entries: 10, height: 4 });
    }
}
