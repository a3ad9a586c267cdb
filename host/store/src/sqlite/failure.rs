//! What an error of SQLite means for the caller.
//! Does not judge a failed commit: only the writer knows what was at stake.

use rusqlite::ErrorCode;

use crate::StoreError;
pub(super) use crate::column::{of_id, of_row};

/// What another process that keeps the lock is about.
const LOCKED: &str = ": another process has kept the file's write lock for longer than this one waits; if it stands still, let it go on or end it";

/// An error of a statement whose effects are rolled back: nothing has happened.
pub(super) fn of_statement(error: rusqlite::Error) -> StoreError {
    let reason = error.to_string();
    let Some(code) = error.sqlite_error_code() else { return of_driver(&error, reason) };
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    match code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt { reason },
        ErrorCode::ReadOnly if extended == rusqlite::ffi::SQLITE_READONLY_DBMOVED => StoreError::Gone { reason },
        // For what was to be written: another time it is the same.
        ErrorCode::TooBig
        | ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::ParameterOutOfRange
        | ErrorCode::ApiMisuse => StoreError::Refused { reason },
        // The statement itself is wrong for these tables.
        ErrorCode::Unknown if extended == rusqlite::ffi::SQLITE_ERROR => StoreError::Refused { reason },
        // SQLite's lock is the file's, and a process that was stopped or is held in a debugger in the middle of a
        // commit keeps it.
        ErrorCode::DatabaseBusy => StoreError::Unavailable { reason: format!("{reason}{LOCKED}") },
        // A full disk, a file that takes no writes now, memory, a failing disk: what an operator can mend.
        _ => StoreError::Unavailable { reason },
    }
}

/// An error of the driver: SQLite itself was content.
fn of_driver(error: &rusqlite::Error, reason: String) -> StoreError {
    use rusqlite::Error;
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::QueryReturnedNoRows => StoreError::Corrupt { reason },
        Error::ToSqlConversionFailure(..) | Error::NulError(..) => StoreError::Refused { reason },
        _ => StoreError::Unavailable { reason },
    }
}

/// An error of BEGIN: nothing of what is to be written has been looked at yet.
pub(super) fn of_begin(error: rusqlite::Error) -> StoreError {
    match of_statement(error) {
        StoreError::Refused { reason } => StoreError::Unavailable { reason },
        other => other,
    }
}

/// An error of COMMIT.
pub(super) fn of_commit(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        // The lock was not had, there was no room, or a row broke a rule: the commit was not written.
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::ConstraintViolation,
        ) => of_statement(error),
        // It may lie in the log and come to light in recovery.
        _ => StoreError::Unknown { reason: error.to_string() },
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        of_statement(error)
    }
}
