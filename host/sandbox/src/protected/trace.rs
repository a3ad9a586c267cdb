//! Follows a path of the host's own from the root, and notes each entry by which it leads to its end.
//! Does not read what is there: what is opened is a handle to the place and no more.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, open, openat, readlinkat, statat};
use rustix::io::Errno;

/// Device and inode.
pub(crate) type Id = (u64, u64);

/// Opens a place without opening what is there: nothing waits for a pipe, and closing it releases no lock on a database.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const LOOK: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) const LOOK: OFlags = OFlags::RDONLY;

/// Opens a folder so.
pub(super) const FOLDER: OFlags = LOOK.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Links that are followed, as the kernel does.
const MAX_LINKS: u32 = 40;
/// More folders than any path has.
const MAX_UP: usize = 4_096;

/// By what a path leads to its end.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// Each entry on the way, by its folder.
    pub(super) steps: Vec<(Id, OsString)>,
    /// Those that stand for the end itself, or for what is missing first.
    pub(super) names: Vec<(Id, OsString)>,
    /// What is there.
    pub(super) end: Option<Id>,
    /// The folders that it lies in.
    pub(super) above: Vec<Id>,
}

/// What identifies an object.
#[expect(clippy::unnecessary_cast, reason = "the types differ from system to system")]
pub(crate) fn id_of(stat: &Stat) -> Id {
    (stat.st_dev as u64, stat.st_ino as u64)
}

/// A folder on the way.
struct Folder {
    id: Id,
    fd: OwnedFd,
}

impl Folder {
    fn of(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self { id: id_of(&fstat(&fd)?), fd })
    }
}

/// Follows an absolute path. Beside the trace, what is at its end, kept open.
pub(super) fn trace(path: &Path) -> io::Result<(Trace, Option<(Id, OwnedFd)>)> {
    let mut trace = Trace::default();
    let mut way = vec![Folder::of(open("/", FOLDER, Mode::empty())?)?];
    let mut left = steps_of(path);
    let mut links = 0;
    while let Some(step) = left.pop() {
        let last = left.is_empty();
        match step {
            Step::Root => way.truncate(1),
            Step::Up => way.truncate(way.len().saturating_sub(1).max(1)),
            Step::Down(name) => {
                let Some(folder) = way.last() else { break };
                let entry = (folder.id, name.clone());
                trace.steps.push(entry.clone());
                if last {
                    trace.names.push(entry.clone());
                }
                let found = match statat(&folder.fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(found) => found,
                    Err(error) => return missing(trace, entry, error),
                };
                match FileType::from_raw_mode(found.st_mode) {
                    FileType::Symlink => {
                        links += 1;
                        if links > MAX_LINKS {
                            return missing(trace, entry, Errno::LOOP);
                        }
                        let target = readlinkat(&folder.fd, &name, Vec::new())?;
                        left.extend(steps_of(&PathBuf::from(OsString::from_vec(target.into_bytes()))));
                    }
                    FileType::Directory => {
                        match openat(&folder.fd, &name, FOLDER.union(OFlags::NOFOLLOW), Mode::empty()) {
                            Ok(fd) => way.push(Folder::of(fd)?),
                            Err(error) => return missing(trace, entry, error),
                        }
                    }
                    _ if last => {
                        trace.end = Some(id_of(&found));
                        let pin = pin_file(folder.fd.as_fd(), &name)?;
                        return Ok((trace, pin));
                    }
                    _ => return missing(trace, entry, Errno::NOTDIR),
                }
            }
        }
    }
    let Some(end) = way.pop() else { return Ok((trace, None)) };
    trace.end = Some(end.id);
    Ok((trace, Some((end.id, end.fd))))
}

/// Keeps a file's inode, where that can be done without opening the file.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn pin_file(folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<Option<(Id, OwnedFd)>> {
    let flags = LOOK.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
    match openat(folder, name, flags, Mode::empty()) {
        Ok(fd) => Ok(Some((id_of(&fstat(&fd)?), fd))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn pin_file(_: BorrowedFd<'_>, _: &OsStr) -> io::Result<Option<(Id, OwnedFd)>> {
    Ok(None)
}

/// The end of a path on which something is missing, or which this process cannot follow.
fn missing(mut trace: Trace, entry: (Id, OsString), error: Errno) -> io::Result<(Trace, Option<(Id, OwnedFd)>)> {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP | Errno::NAMETOOLONG | Errno::PERM => {
            trace.names.push(entry);
            Ok((trace, None))
        }
        error => Err(error.into()),
    }
}

enum Step {
    Root,
    Up,
    Down(OsString),
}

/// The last step first.
fn steps_of(path: &Path) -> Vec<Step> {
    let step = |component: Component<'_>| match component {
        Component::RootDir => Some(Step::Root),
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(step).collect()
}

/// The folders above an object, the nearest first; none above what is no folder.
pub(super) fn upwards(from: BorrowedFd<'_>) -> io::Result<Vec<Id>> {
    let mut above = Vec::new();
    let stat = fstat(from)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Ok(above);
    }
    let mut here = Folder { id: id_of(&stat), fd: from.try_clone_to_owned()? };
    while above.len() < MAX_UP {
        here = match openat(&here.fd, "..", FOLDER, Mode::empty()) {
            Ok(fd) => {
                let next = Folder::of(fd)?;
                if next.id == here.id {
                    break;
                }
                next
            }
            // It was removed, or may not be entered: there is no way up that a name could take.
            Err(Errno::NOENT | Errno::ACCESS | Errno::PERM) => break,
            Err(error) => return Err(error.into()),
        };
        above.push(here.id);
    }
    Ok(above)
}
