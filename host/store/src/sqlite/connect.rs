//! Connections with the settings that the contract needs.
//! Does not share a connection between threads.

use std::path::Path;
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{SqliteOptions, schema};
use crate::StoreError;

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 96;
/// Pages in the log after which a commit moves them into the file: 16 MiB.
const CHECKPOINT_PAGES: u32 = 4_096;
/// Pages that a connection keeps in memory, in KiB below zero as SQLite has it: the inner nodes of what a million tasks take,
/// so that looking one of them up reads leaves alone.
const CACHE_KIB: i32 = -16_384;

/// The connection that writes; brings the file to the current schema.
pub(super) fn writer(path: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, options)?;
    // Until it is certain that the file is ours, closing must not move anything from the log into it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    schema::check_version(schema::version(&connection)?)?;
    schema::mark(&mut connection)?;
    use_log(&connection, options)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    if let Some(bytes) = options.max_bytes {
        let page: u64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        connection.query_row(&format!("PRAGMA max_page_count = {}", (bytes / page).max(1)), [], |_| Ok(()))?;
    }
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn reader(path: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    // Read and write, because a reader of a log may have to repair the log's index first.
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, options)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags, options: &SqliteOptions) -> Result<Connection, StoreError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    // What a savepoint needs to go back stays in memory.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Switches to the write-ahead log. SQLite does not wait for the lock of this step by itself.
fn use_log(connection: &Connection, options: &SqliteOptions) -> Result<(), StoreError> {
    let until = Instant::now() + options.busy_timeout;
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let reason = format!("the file system allows no write-ahead log, only `{mode}`");
                return Err(StoreError::Unavailable { reason });
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
