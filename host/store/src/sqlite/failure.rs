//! What an error of SQLite means for the caller.
//! Does not judge a failed commit: only the writer knows what was at stake.

use rusqlite::ErrorCode;

use crate::StoreError;
pub(super) use crate::column::{of_id, of_row};

/// An error of a statement whose effects are rolled back: nothing has happened.
pub(super) fn of_statement(error: rusqlite::Error) -> StoreError {
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt { reason },
        // SQLite's lock is the file's, and a process that was stopped or is held in a debugger in the middle of a
        // commit keeps it.
        Some(ErrorCode::DatabaseBusy) => StoreError::Unavailable {
            reason: format!(
                "{reason}: another process has kept the file's write lock for longer than this one waits; if it stands still, let it go on or end it"
            ),
        },
        _ => StoreError::Unavailable { reason },
    }
}

/// An error of COMMIT.
pub(super) fn of_commit(error: rusqlite::Error) -> StoreError {
    let reason = error.to_string();
    match error.sqlite_error_code() {
        // The lock was not had, or there was no room: the commit was not written.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => {
            StoreError::Unavailable { reason }
        }
        // It may lie in the log and come to light in recovery.
        _ => StoreError::Unknown { reason },
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        of_statement(error)
    }
}
