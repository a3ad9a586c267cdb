//! The list of what is in a backup, by which it is checked before anything of it is used.
//! Does not read or write what it lists.

use std::path::{Component, Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use taskwright_registry::clean_line;

use super::Copied;
use crate::exit_code::refused;

/// The list's name in the folder of a backup. It is written last.
pub(crate) const MANIFEST: &str = "backup.json";
/// The only form of the list so far.
const FORMAT: u32 = 1;
/// The longest list that is read: two million entries or so.
const MAX_BYTES: u64 = 512 << 20;

/// The list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The version of the program that made it.
    taskwright: String,
    /// When it was begun, as RFC 3339 has it.
    created_at: String,
    /// Everything in it.
    pub(crate) entries: Vec<Entry>,
    /// What could not be copied, because of what it is called: guests call files in their task's own folder as they like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<LeftOut>,
}

/// Something that is not in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    /// Where it would lie. At most 400 bytes of it, and what is no text in another form.
    pub(crate) path: String,
    /// Why it does not.
    pub(crate) problem: String,
}

impl LeftOut {
    pub(crate) fn new(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self { path: clean_line(&path.to_string_lossy(), 400), problem: problem.to_string() }
    }
}

/// One file, folder or symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Where it lies in the backup, with `/` between the names.
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum What {
    /// A file, with the digest of its bytes in hexadecimal digits.
    File { bytes: u64, sha256: String },
    /// A symbolic link that a guest has made in its task's own folder.
    Link { link: String },
    /// A folder.
    Folder { folder: bool },
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { bytes, sha256 } => write!(f, "{bytes} bytes with the digest {sha256}"),
            Self::Link { link } => write!(f, "a link to {link:?}"),
            Self::Folder { .. } => f.write_str("a folder"),
        }
    }
}

impl Manifest {
    pub(crate) fn new(created_at: String, Copied { entries, left_out }: Copied) -> Self {
        Self { format: FORMAT, taskwright: env!("CARGO_PKG_VERSION").to_owned(), created_at, entries, left_out }
    }

    /// How many files, and how many bytes they have together.
    pub(crate) fn size(&self) -> (usize, u64) {
        let bytes = self.entries.iter().filter_map(|entry| match entry.what {
            What::File { bytes, .. } => Some(bytes),
            _ => None,
        });
        bytes.fold((0, 0), |(files, sum), bytes| (files + 1, sum + bytes))
    }

    /// The list of the backup in a folder.
    pub(crate) fn read(backup: &Path) -> Result<Self> {
        let path = backup.join(MANIFEST);
        let shown = path.display();
        let about = path.metadata().map_err(|error| {
            refused(format!("{} is no backup, or one that was broken off: {shown}: {error}", backup.display()))
        })?;
        if !about.is_file() || about.len() > MAX_BYTES {
            return Err(refused(format!("{shown} is no list of a backup: {} bytes", about.len())));
        }
        let text = std::fs::read(&path).with_context(|| shown.to_string())?;
        let wrong = |problem: String| refused(format!("{shown} is damaged: {problem}"));
        let format: Format = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if format.format != FORMAT {
            return Err(refused(format!(
                "{shown} has the form {}, and this program knows {FORMAT}: use the version of Taskwright that made it",
                format.format
            )));
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        for entry in &manifest.entries {
            let names = Path::new(&entry.path).components();
            if entry.path.is_empty() || !names.into_iter().all(|name| matches!(name, Component::Normal(_))) {
                return Err(wrong(format!("`{}` is no path within it", entry.path.escape_debug())));
            }
        }
        Ok(manifest)
    }
}

/// What every form of the list has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}
