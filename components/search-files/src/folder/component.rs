//! Folders and files through WASI: one call opens, one call reads up to 64 KiB.
//! It does not go through `std::fs`, which asks for a file's type and size, opens a stream and reads once more at its end.

use taskwright_guest::files;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags};

use super::{Entries, Entry, EntryType};

/// How many bytes the host gives at most in one call.
const READ: u64 = 64 * 1024;

/// A folder.
#[derive(Debug)]
pub(crate) struct Folder(Descriptor);

/// A file.
#[derive(Debug)]
pub(crate) struct File(Descriptor);

impl Folder {
    /// The folder that was granted under this name.
    pub(crate) fn granted(name: &str) -> Option<Self> {
        let wanted = files::folder(name);
        let found = preopens::get_directories().into_iter().find(|(_, path)| *wanted == **path);
        found.map(|(descriptor, _)| Self(descriptor))
    }

    /// What it holds.
    pub(crate) fn entries(&self) -> Result<Entries, String> {
        let stream = self.0.read_directory().map_err(say)?;
        let mut found = Entries::default();
        loop {
            match stream.read_directory_entry() {
                Ok(None) => return Ok(found.ordered()),
                Ok(Some(entry)) => {
                    let kind = match entry.type_ {
                        DescriptorType::Directory => EntryType::Folder,
                        DescriptorType::RegularFile => EntryType::File,
                        _ => EntryType::Other,
                    };
                    found.entries.push(Entry { name: entry.name, kind });
                }
                Err(_) => found.unreadable += 1,
            }
        }
    }

    /// A folder in it.
    pub(crate) fn folder(&self, name: &str) -> Result<Self, String> {
        self.open(name, OpenFlags::DIRECTORY).map(Self)
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> Result<File, String> {
        self.open(name, OpenFlags::empty()).map(File)
    }

    /// Without `PathFlags::SYMLINK_FOLLOW`, a symbolic link is not followed.
    fn open(&self, name: &str, flags: OpenFlags) -> Result<Descriptor, String> {
        self.0.open_at(PathFlags::empty(), name, flags, DescriptorFlags::READ).map_err(say)
    }
}

impl File {
    /// What follows this offset, and whether the file may go on behind that.
    pub(crate) fn read(&mut self, offset: u64) -> Result<(Vec<u8>, bool), String> {
        let (bytes, end) = self.0.read(READ, offset).map_err(say)?;
        // A regular file gives less than was asked for at its end only.
        let goes_on = !end && bytes.len() as u64 == READ;
        Ok((bytes, goes_on))
    }
}

fn say(error: ErrorCode) -> String {
    error.name().replace('-', " ")
}
