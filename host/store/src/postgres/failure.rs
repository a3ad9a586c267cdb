//! What an error of PostgreSQL means for the caller.
//! Does not judge a failed commit: only the transaction knows what was at stake.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// An error with what is behind it: that there is no connection is told outside, and why inside.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = inner.source();
    }
    text
}

/// Whether the same transaction may do better when it is tried again: it met another one.
pub(super) fn met_another(error: &Error) -> bool {
    let met = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION];
    error.code().is_some_and(|code| met.contains(code))
}

/// An error of a statement whose effects are rolled back: nothing has happened.
pub(super) fn of_statement(error: &Error) -> StoreError {
    let reason = match error.as_db_error() {
        Some(said) => {
            let advice = match *said.code() {
                SqlState::READ_ONLY_SQL_TRANSACTION => ": it takes no writes now; point the store at the primary",
                SqlState::DISK_FULL => ": make room on the server's disk",
                SqlState::TOO_MANY_CONNECTIONS => {
                    ": raise max_connections or lower the number of connections of each host"
                }
                SqlState::INSUFFICIENT_PRIVILEGE => ": grant the role the use of the store's schema",
                SqlState::UNDEFINED_TABLE => ": the store's tables are gone",
                _ => "",
            };
            format!("PostgreSQL said {} ({}){advice}", said.message(), said.code().code())
        }
        None => format!("the connection to PostgreSQL: {}", chain(error)),
    };
    StoreError::Unavailable { reason }
}

/// An error of COMMIT.
pub(super) fn of_commit(error: &Error) -> StoreError {
    match (error.as_db_error(), of_statement(error)) {
        // The server has decided, and against it.
        (Some(_), said) => said,
        // It may have committed and its word been lost.
        (None, StoreError::Unavailable { reason }) => StoreError::Unknown { reason },
        (None, other) => other,
    }
}
