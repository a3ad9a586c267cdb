//! What a search results in.
//! It does not hold every match: the artifact does.

use serde::{Deserialize, Serialize};

/// A line that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The file, from the granted folder on.
    pub path: String,
    /// The line's number; the first is 1.
    pub line: u64,
    /// The line, cut if it is very long.
    pub text: String,
}

/// What a search results in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What was searched for.
    pub pattern: String,
    /// Where it was searched for.
    pub path: String,
    /// How many files were read to their end.
    pub files_searched: u64,
    /// How many of them have a matching line.
    pub files_matched: u64,
    /// How many lines match.
    pub matches: u64,
    /// How many bytes the searched files have.
    pub bytes_searched: u64,
    /// How many files were left out because they are binary.
    pub skipped_binary: u64,
    /// How many files and folders could not be read; the output names them.
    pub unreadable: u64,
    /// The first matching lines.
    pub first: Vec<Hit>,
    /// Whether there are more matching lines than `first` shows.
    pub truncated: bool,
    /// What did not go as wished, such as a budget that ended the output early.
    pub notes: Vec<String>,
}

impl Found {
    /// It in one line.
    pub(crate) fn summary(&self) -> String {
        let Self { matches, files_matched, files_searched, .. } = self;
        format!("{matches} matching lines in {files_matched} of {files_searched} files ({})", self.size())
    }

    /// How much was searched, for a person.
    pub(crate) fn size(&self) -> String {
        match self.bytes_searched {
            bytes @ 0..1_000 => format!("{bytes} bytes"),
            bytes @ 1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
            bytes => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        }
    }
}
