//! A backup of a home: a folder with the records, the files of tasks, the installed kinds and the configuration, and a list of all of it.
//! Does not hold keys, compiled code, or what lies elsewhere: a PostgreSQL and a bucket have backups of their own.

mod manifest;
mod tree;

pub(crate) use self::manifest::{Entry, LeftOut, MANIFEST, Manifest, What};
pub(crate) use self::tree::{Copied, Staged, copy_file, copy_tree, list_file, new_file, restore_entry};

/// The records.
pub(crate) const RECORDS: &str = "registry.db";
/// The files of tasks.
pub(crate) const FILES: &str = "files";
/// The installed kinds.
pub(crate) const KINDS: &str = "kinds";
