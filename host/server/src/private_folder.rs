//! Folders that are for this user alone.
//! Does not change what belongs to somebody else.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;

/// Makes a folder, with those above it, that nobody else can enter. One of this user's own that is there already is closed to
/// others; one of another user's stays as it is.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    builder().recursive(true).create(folder)?;
    close(folder)
}

/// Makes a folder that nobody else can enter and that is not there yet.
pub(crate) fn make_new(folder: &Path) -> io::Result<()> {
    builder().create(folder)
}

fn builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Closes a folder of this user's own to others.
pub(crate) fn close(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let about = folder.metadata()?;
        let mode = about.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 && about.uid() == rustix::process::geteuid().as_raw() {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode & !0o077))?;
        }
    }
    Ok(())
}
