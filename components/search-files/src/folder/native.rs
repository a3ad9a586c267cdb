//! Folders and files of this machine, for tests.
//! It does not matter how fast this is.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use taskwright_guest::files;

use super::{Entries, Entry, EntryType};

/// As a host gives them.
const READ: u64 = 64 * 1024;

/// A folder.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

/// A file.
#[derive(Debug)]
pub(crate) struct File(fs::File);

impl Folder {
    /// The folder that was granted under this name.
    pub(crate) fn granted(name: &str) -> Option<Self> {
        let path = files::folder(name);
        path.is_dir().then_some(Self(path))
    }

    /// What it holds.
    pub(crate) fn entries(&self) -> Result<Entries, String> {
        let mut found = Entries::default();
        for entry in fs::read_dir(&self.0).map_err(say)? {
            let entry = entry.and_then(|entry| Ok((entry.file_type()?, entry.file_name())));
            let Ok((kind, name)) = entry else {
                found.unreadable += 1;
                continue;
            };
            let kind = match kind {
                kind if kind.is_dir() => EntryType::Folder,
                kind if kind.is_file() => EntryType::File,
                _ => EntryType::Other,
            };
            match name.into_string() {
                Ok(name) => found.entries.push(Entry { name, kind }),
                Err(_) => found.unreadable += 1,
            }
        }
        Ok(found.ordered())
    }

    /// A folder in it.
    pub(crate) fn folder(&self, name: &str) -> Result<Self, String> {
        let path = self.0.join(name);
        if fs::symlink_metadata(&path).map_err(say)?.is_dir() { Ok(Self(path)) } else { Err("not a folder".to_owned()) }
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> Result<File, String> {
        fs::File::open(self.0.join(name)).map(File).map_err(say)
    }
}

impl File {
    /// What follows this offset, and whether the file may go on behind that.
    pub(crate) fn read(&mut self, offset: u64) -> Result<(Vec<u8>, bool), String> {
        self.0.seek(SeekFrom::Start(offset)).map_err(say)?;
        let mut bytes = Vec::new();
        let count = (&self.0).take(READ).read_to_end(&mut bytes).map_err(say)?;
        Ok((bytes, count as u64 == READ))
    }
}

fn say(error: std::io::Error) -> String {
    error.to_string()
}
