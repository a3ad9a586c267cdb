//! The entries of a folder, read a few at a time.
//! Does not look at what they are where the folder says so itself.
//!
//! `wasmtime-wasi` reads a whole folder with the metadata of each entry when it is opened, however large it is.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};

use super::Folder;
use super::open_files::OpenPlace;
use crate::protected::{Id, ProtectedPaths, id_of};

/// A folder that is being listed.
pub(super) struct Listing {
    folder: Arc<Folder>,
    dir: Arc<File>,
    entries: Dir,
    /// What is not shown of a granted folder, and what that folder is.
    past: Option<(ProtectedPaths, Id)>,
    _places: [Option<Arc<OpenPlace>>; 2],
}

impl Listing {
    /// `places` are those of the folder's handle and of the listing itself.
    pub(super) fn new(
        folder: Arc<Folder>,
        dir: Arc<File>,
        past: Option<(ProtectedPaths, Id)>,
        places: [Option<Arc<OpenPlace>>; 2],
    ) -> Result<Self, ErrorCode> {
        // Opened anew, so that the listing has a place of its own; and to read, which the first descriptor may not be for.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let again = openat(&*dir, ".", flags, Mode::empty()).map_err(std::io::Error::from)?;
        let entries = Dir::new(again).map_err(std::io::Error::from)?;
        Ok(Self { folder, dir, entries, past, _places: places })
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    fn is_past(&self, id: Id) -> bool {
        self.past.as_ref().is_some_and(|(protected, _)| protected.now().holds(id))
    }

    pub(super) fn next(&mut self) -> Result<Option<DirectoryEntry>, ErrorCode> {
        while let Some(entry) = self.entries.read() {
            let entry = entry.map_err(std::io::Error::from)?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let file_type = match entry.file_type() {
                _ if self
                    .past
                    .as_ref()
                    .is_some_and(|(protected, folder)| protected.now().hides(*folder, os_str(name))) =>
                {
                    continue;
                }
                // Not every file system says it here, and none says what is mounted there.
                known if known == FileType::Unknown || self.past.is_some() => {
                    match statat(&*self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(stat) if self.is_past(id_of(&stat)) => continue,
                        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                        Err(rustix::io::Errno::NOENT) => continue,
                        Err(error) => return Err(std::io::Error::from(error).into()),
                    }
                }
                known => known,
            };
            let name = name.to_str().map_err(|_| ErrorCode::IllegalByteSequence)?.to_owned();
            return Ok(Some(DirectoryEntry { type_: descriptor_type(file_type), name }));
        }
        Ok(None)
    }
}

fn os_str(name: &CStr) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}

fn descriptor_type(file_type: FileType) -> DescriptorType {
    match file_type {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::Unknown => DescriptorType::Unknown,
    }
}
