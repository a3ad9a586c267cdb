//! What an instance may touch beyond the contract.
//! Does not decide who gets it: the operator does, through the runner.

use std::path::PathBuf;

/// A folder that a guest may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderGrant {
    /// It appears as `/NAME` in the guest.
    pub name: String,
    /// Where it lies on the host.
    pub host_path: PathBuf,
}

/// Everything that one instance is granted. The default is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// Folders, all of them read-only.
    pub folders: Vec<FolderGrant>,
}
