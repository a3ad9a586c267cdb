//! The way from a folder that a guest holds to what a path of its names, one step at a time, past what is the host's own.
//! Does not do anything there: it ends at the folder that has the last name.
//!
//! Each folder on the way is looked at when it is open, so nothing that is moved meanwhile leads into a protected one. One handle
//! is open at a time, however long the path is.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use crate::protected::{Id, LOOK, Snapshot, id_of};

/// Links that are followed on one way, as the kernel does.
const MAX_LINKS: u32 = 40;

/// What is done with the last name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// A link there is followed.
    Follow,
    /// It is what is meant, link or not.
    Stay,
    /// It is an entry, to be made, moved or removed.
    Entry,
}

/// Where a path leads.
pub(super) struct Way {
    /// The folder that has the last name; `None` for the one that it began in.
    pub(super) folder: Option<OwnedFd>,
    pub(super) folder_id: Id,
    /// The last name, or `.` for the folder itself.
    pub(super) name: String,
    /// What has that name now.
    pub(super) found: Option<Stat>,
}

/// Where the walk is.
struct Here<'a> {
    base: BorrowedFd<'a>,
    fd: Option<OwnedFd>,
    /// The folders from the first to this one.
    ids: Vec<Id>,
}

impl Here<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().map_or(self.base, AsFd::as_fd)
    }

    fn id(&self, base: Id) -> Id {
        self.ids.last().copied().unwrap_or(base)
    }

    /// Goes back to the folder that this one was reached from.
    fn up(&mut self) -> Result<(), ErrorCode> {
        // Nothing leads out of the folder that the walk began in.
        self.ids.pop().ok_or(ErrorCode::NotPermitted)?;
        let Some(expected) = self.ids.last() else {
            self.fd = None;
            return Ok(());
        };
        let up = openat(self.fd(), "..", FOLDER, Mode::empty()).map_err(code)?;
        if id_of(&fstat(&up).map_err(code)?) != *expected {
            // It was moved meanwhile.
            return Err(ErrorCode::NoEntry);
        }
        self.fd = Some(up);
        Ok(())
    }
}

const FOLDER: OFlags = LOOK.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn code(error: Errno) -> ErrorCode {
    std::io::Error::from(error).into()
}

/// Follows a path.
///
/// # Errors
/// `NoEntry` where it leads to, or through, what is protected; `NotPermitted` where it leads out of the folder.
pub(super) fn follow(
    base: BorrowedFd<'_>,
    base_id: Id,
    path: &str,
    last: Last,
    seen: &Snapshot,
) -> Result<Way, ErrorCode> {
    let names = match last {
        // What makes or removes an entry says by itself what a slash behind it means.
        Last::Entry => path.trim_end_matches('/'),
        Last::Follow | Last::Stay => path,
    };
    let slash = names.len() < path.len();
    // Of nothing but slashes, the first one tells that it is absolute.
    let path = if names.is_empty() { path } else { names };
    let mut left = Vec::new();
    push_names(&mut left, OsStr::new(path))?;
    let mut here = Here { base, fd: None, ids: Vec::new() };
    let mut links = 0;
    let end = |here: Here<'_>, name: OsString, found| {
        let mut name = name.into_string().map_err(|_| ErrorCode::IllegalByteSequence)?;
        if slash && name != "." {
            name.push('/');
        }
        Ok(Way { folder_id: here.id(base_id), folder: here.fd, name, found })
    };
    while let Some(name) = left.pop() {
        let is_last = left.is_empty();
        if name == ".." {
            here.up()?;
        }
        if name == "." || name == ".." {
            if is_last {
                let found = fstat(here.fd()).map_err(code)?;
                return end(here, ".".into(), Some(found));
            }
            continue;
        }
        if seen.hides(here.id(base_id), &name) {
            return Err(ErrorCode::NoEntry);
        }
        let found = if is_last {
            match statat(here.fd(), &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => found,
                Err(Errno::NOENT) => return end(here, name, None),
                Err(error) => return Err(code(error)),
            }
        } else {
            match openat(here.fd(), &name, FOLDER, Mode::empty()) {
                Ok(fd) => {
                    let id = id_of(&fstat(&fd).map_err(code)?);
                    if seen.holds(id) {
                        return Err(ErrorCode::NoEntry);
                    }
                    here.ids.push(id);
                    here.fd = Some(fd);
                    continue;
                }
                // A link, perhaps.
                Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => {
                    statat(here.fd(), &name, AtFlags::SYMLINK_NOFOLLOW).map_err(code)?
                }
                Err(error) => return Err(code(error)),
            }
        };
        let is_link = FileType::from_raw_mode(found.st_mode) == FileType::Symlink;
        match is_link {
            true if !is_last || last == Last::Follow => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(ErrorCode::Loop);
                }
                let target = readlinkat(here.fd(), &name, Vec::new()).map_err(code)?;
                push_names(&mut left, &OsString::from_vec(target.into_bytes()))?;
            }
            _ if !is_last => return Err(ErrorCode::NotDirectory),
            _ if seen.holds(id_of(&found)) => return Err(ErrorCode::NoEntry),
            _ => return end(here, name, Some(found)),
        }
    }
    // An empty path, or a link to nowhere.
    Err(ErrorCode::NoEntry)
}

/// Puts the names of a path before those that are left, the first one at the end. A slash behind the last name says that it is a
/// folder.
fn push_names(left: &mut Vec<OsString>, path: &OsStr) -> Result<(), ErrorCode> {
    let path = path.as_bytes();
    if path.starts_with(b"/") {
        return Err(ErrorCode::NotPermitted);
    }
    if path.ends_with(b"/") && left.is_empty() {
        left.push(".".into());
    }
    let names = path.split(|byte| *byte == b'/').rev().filter(|name| !name.is_empty());
    left.extend(names.map(|name| OsStr::from_bytes(name).to_owned()));
    Ok(())
}
