//! Folders and files of the granted folder, with as few calls of the host as there can be.
//! It does not decide what is read: `walk` does.

#[cfg(target_arch = "wasm32")]
mod component;
#[cfg(not(target_arch = "wasm32"))]
mod native;

#[cfg(target_arch = "wasm32")]
pub(crate) use component::Folder;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::Folder;

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryType {
    File,
    Folder,
    /// A symbolic link, a pipe, a device: nothing that is searched.
    Other,
}

/// An entry of a folder.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: EntryType,
}

/// What a folder holds, ordered by name.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) entries: Vec<Entry>,
    /// How many could not be read, such as those whose names are not UTF-8.
    pub(crate) unreadable: u64,
}

impl Entries {
    fn ordered(mut self) -> Self {
        self.entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self
    }
}
