//! Folders that were granted to the kind.
//! It does not read them: `std::fs` does, and the host holds it to what was granted.

use std::path::PathBuf;

use crate::host;

/// Where the folder is that was granted under this name, as [`Want::folder`](crate::Want::folder) asked for it.
///
/// In a component that is `/` and the name, whether it was granted or not: opening it says so.
pub fn folder(name: &str) -> PathBuf {
    host::folder(name)
}
