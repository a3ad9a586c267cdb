//! A copy of a store's file while others read and write it, and the check of such a copy.
//! Does not copy what lies beside the file.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{SqliteOptions, connect, file, schema};
use crate::StoreError;

/// Copies the store in the file at `from` to a new file at `to`, as it is at one moment: whatever was committed before is in the copy, and
/// nothing that is committed meanwhile. Others read and write on. The copy is one file without a log, and on the disk when this
/// returns. Blocks; takes as long as it takes to write the store's content once.
///
/// # Errors
/// `Corrupt` for what is no store of ours; `NewerSchema`; `Unavailable` if there is a file at `to` already, or for the disk's reasons.
/// What was begun at `to` stays then.
pub fn back_up_sqlite(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), StoreError> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let unavailable = |error: std::io::Error| file::unavailable(to, &error);
    file::check(from)?;
    let connection = connect::reader(from, &SqliteOptions::default())?;
    schema::check_version(schema::version(&connection)?)?;
    // The rows of one transaction, in a file that consists of nothing else. It is refused if the target has content.
    connection.pragma_update(None, "query_only", false)?;
    file::create_new(to).map_err(unavailable)?;
    let name = to.to_str().ok_or_else(|| StoreError::Unavailable {
        reason: format!("{}: the name of a copy must be UTF-8", to.display()),
    })?;
    connection.execute("VACUUM INTO ?1", [name])?;
    File::open(to).and_then(|file| file.sync_all()).map_err(unavailable)
}

/// Reads a store's file as a whole, a copy or one that nobody has open, and checks that it is one: its pages, its rows against its
/// indexes, and that this program knows its schema. Changes nothing. Blocks.
///
/// # Errors
/// `Corrupt`, with the first thing that is wrong; `NewerSchema`; `Unavailable` if it cannot be read.
pub fn check_sqlite(path: impl AsRef<Path>) -> Result<(), StoreError> {
    let path = path.as_ref();
    file::check(path)?;
    let name = path.to_str().ok_or_else(|| StoreError::Unavailable {
        reason: format!("{}: the name of a copy must be UTF-8", path.display()),
    })?;
    // Nobody writes to it, so it is read without locks, and no file is made beside it.
    let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)?;
    schema::check_version(schema::version(&connection)?)?;
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt { reason: format!("{}: {found}", path.display()) })
}
