//! Folders that were granted to the kind.
//! It does not read them: `std::fs` does, and the host holds it to what was granted.

use std::path::PathBuf;

use crate::host;

/// Where the task's own folder is, as [`Want::task_folder`](crate::Want::task_folder) asked for it. What lies there
/// stays for the task's later instances on the same machine, counts towards the budget's `file_bytes`, and goes with
/// the task. Links cannot be made there; more than the budget allows is an error of input and output.
pub fn task_folder() -> PathBuf {
    folder("task")
}

/// Where the folder is that was granted under this name, as [`Want::folder`](crate::Want::folder) asked for it.
///
/// In a component that is `/` and the name, whether it was granted or not: opening it says so.
pub fn folder(name: &str) -> PathBuf {
    host::folder(name)
}
