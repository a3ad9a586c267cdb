//! The versions of the schema, and how a file gets from one to the next.
//! Does not go back: a file of a newer version is refused.

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// Says in the file's header that it is ours: `TkWr`.
pub(super) const APPLICATION_ID: u32 = 0x546b_5772;

/// Each step, in order. A released step never changes.
const STEPS: [&str; 11] = [
    include_str!("schema/0001_begin.sql"),
    include_str!("schema/0002_leases.sql"),
    include_str!("schema/0003_turns.sql"),
    include_str!("schema/0004_code.sql"),
    include_str!("schema/0005_wake_claims.sql"),
    include_str!("schema/0006_lineage.sql"),
    include_str!("schema/0007_sessions.sql"),
    include_str!("schema/0008_external.sql"),
    include_str!("schema/0009_lists.sql"),
    include_str!("schema/0010_births.sql"),
    include_str!("schema/0011_priorities.sql"),
];

/// The version that this program writes.
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
pub(super) const SUPPORTED: u32 = STEPS.len() as u32;

/// Refuses a newer file.
pub(super) fn check_version(found: u32) -> Result<(), StoreError> {
    if found > SUPPORTED { Err(StoreError::NewerSchema { found, supported: SUPPORTED }) } else { Ok(()) }
}

/// The version as SQLite sees it: the header of the file alone can be older than what lies in the log.
pub(super) fn version(connection: &Connection) -> Result<u32, StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    u32::try_from(found).map_err(|_| StoreError::Corrupt { reason: format!("schema version {found}") })
}

/// Marks an empty database as ours, in the main file's own header.
pub(super) fn mark(connection: &mut Connection) -> Result<(), StoreError> {
    let look = |connection: &Connection| -> rusqlite::Result<(u32, u64)> {
        let things = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((connection.query_row("PRAGMA application_id", [], |row| row.get(0))?, things))
    };
    if look(connection)?.0 == APPLICATION_ID {
        return Ok(());
    }
    // Looked at again under the lock: another process may be making a store of the same file.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match look(&transaction)? {
        (APPLICATION_ID, _) => {}
        (0, 0) => transaction.pragma_update(None, "application_id", APPLICATION_ID)?,
        _ => return Err(StoreError::Corrupt { reason: "it is the database of another application".to_owned() }),
    }
    transaction.commit()?;
    Ok(())
}

/// Applies the steps that the file does not have yet, all in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if version(connection)? == SUPPORTED {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let found = version(&transaction)?;
    check_version(found)?;
    for step in STEPS.iter().skip(found as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", SUPPORTED)?;
    transaction.commit()?;
    Ok(())
}
