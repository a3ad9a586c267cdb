//! The database file before SQLite sees it: where it lies, who may read it, whether it is ours at all.
//! Does not open a file that is not ours with SQLite, since even that could change it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::schema;
use crate::StoreError;

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the header has `user_version` and `application_id`, each 4 bytes, most significant first.
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;
const HEADER: usize = 100;

/// Makes sure that there is a file which is a store of ours, or an empty one that can become one.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    let unavailable = |error: io::Error| unavailable(path, &error);
    let name = path.file_name().ok_or_else(|| none(path, "names no file"))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_folder(folder).map_err(unavailable)?;
    // Links above the file are the owner's business; the file itself must not be one.
    let path = folder.canonicalize().map_err(unavailable)?.join(name);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path).map_err(unavailable)?,
        Err(error) => return Err(unavailable(error)),
        Ok(found) if found.is_symlink() => return Err(none(&path, "is a symbolic link; name the file itself")),
        Ok(found) if !found.is_file() => return Err(none(&path, "is no file")),
        Ok(_) => check(&path)?,
    }
    Ok(path)
}

/// Takes from everybody but the owner what they could do with the file.
pub(super) fn restrict(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = fs::metadata(path).map_err(|error| unavailable(path, &error))?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            fs::set_permissions(path, permissions).map_err(|error| unavailable(path, &error))?;
        }
    }
    Ok(())
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes an empty file for its owner, where there must be none.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn create(path: &Path) -> io::Result<()> {
    match create_new(path) {
        Ok(file) => file.sync_all()?,
        // Another process was faster; SQLite's own lock decides who writes the schema.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    // The file's name must survive a loss of power too.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Looks at the header of a file that exists.
pub(super) fn check(path: &Path) -> Result<(), StoreError> {
    let mut header = Vec::with_capacity(HEADER);
    File::open(path)
        .and_then(|file| file.take(HEADER as u64).read_to_end(&mut header))
        .map_err(|error| unavailable(path, &error))?;
    if header.is_empty() {
        return Ok(());
    }
    if header.len() < HEADER || !header.starts_with(MAGIC) {
        return Err(none(path, "is no SQLite database"));
    }
    let number = |at: usize| header[at..at + 4].iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    if number(APPLICATION_ID_AT) != schema::APPLICATION_ID {
        return Err(none(path, "is the database of another application"));
    }
    schema::check_version(number(USER_VERSION_AT))
}

fn none(path: &Path, problem: &str) -> StoreError {
    StoreError::Corrupt { reason: format!("{} {problem}", path.display()) }
}

pub(super) fn unavailable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable { reason: format!("{}: {error}", path.display()) }
}
