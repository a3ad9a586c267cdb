//! The folder of session files: who may read what tasks leave there.
//! Does not read or write it.

use std::io;
use std::path::Path;

/// Makes the folder, and the one in it that tasks' files are in, which is for this user alone unless the folder is a group's.
pub(crate) fn make(root: &Path) -> io::Result<()> {
    private(root)?;
    let tasks = root.join(".tasks");
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        /// Whose group, or anybody, may write.
        const SHARED: u32 = 0o022;
        let around = root.metadata()?;
        if around.permissions().mode() & SHARED != 0 {
            return std::fs::create_dir_all(&tasks);
        }
        private(&tasks)?;
        let about = tasks.metadata()?;
        let mode = about.permissions().mode() & 0o7777;
        // One of another user's can only be closed by that one. What is the folder's owner's is this process's own.
        if mode & 0o077 != 0 && about.uid() == around.uid() {
            match std::fs::set_permissions(&tasks, std::fs::Permissions::from_mode(mode & !0o077)) {
                Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
    #[cfg(not(unix))]
    private(&tasks)
}

/// Makes a folder, with those above it, that nobody else can enter; one that is there stays as it is.
fn private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(folder: &Path) -> u32 {
        folder.metadata().unwrap().permissions().mode() & 0o777
    }

    fn set(folder: &Path, mode: u32) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_tasks_leave_is_for_their_user_alone() {
        let place = tempfile::tempdir().unwrap();
        let new = place.path().join("new");
        make(&new).unwrap();
        assert_eq!((mode(&new), mode(&new.join(".tasks"))), (0o700, 0o700));
        let old = place.path().join("old");
        set(&old, 0o755);
        set(&old.join(".tasks"), 0o755);
        make(&old).unwrap();
        assert_eq!((mode(&old), mode(&old.join(".tasks"))), (0o755, 0o700), "the folder is as its owner made it");
        let shared = place.path().join("shared");
        set(&shared, 0o770);
        set(&shared.join(".tasks"), 0o770);
        make(&shared).unwrap();
        assert_eq!((mode(&shared), mode(&shared.join(".tasks"))), (0o770, 0o770), "it is a group's");
    }
}
