//! What an error of PostgreSQL means for the caller.
//! Does not judge a failed commit: only the transaction knows what was at stake.

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

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

/// What to do about it.
fn advice(said: &DbError) -> &'static str {
    match *said.code() {
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            ": it takes no writes now; point the store at the primary, or name all servers with target_session_attrs=read-write"
        }
        SqlState::DISK_FULL => ": make room on the server's disk",
        SqlState::OUT_OF_MEMORY => ": give the server memory",
        SqlState::TOO_MANY_CONNECTIONS => ": raise max_connections or lower the number of connections of each host",
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
            ": the server is stopping or starting; it is tried again"
        }
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            ": look at the user and the password in the store's address, and at the server's pg_hba.conf"
        }
        SqlState::INVALID_CATALOG_NAME => ": create the database, or name another in the store's address",
        SqlState::INSUFFICIENT_PRIVILEGE => ": grant the role the use of the store's schema",
        SqlState::UNDEFINED_TABLE => ": the store's tables are gone",
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => ": this process stood still in the middle of it",
        SqlState::QUERY_CANCELED => ": somebody cancels it, or statement_timeout of the role is too short",
        _ => "",
    }
}

fn of_server(said: &DbError) -> String {
    format!("PostgreSQL said {} ({}){}", said.message(), said.code().code(), advice(said))
}

/// An error of a statement whose effects are rolled back: nothing has happened.
pub(super) fn of_statement(error: &Error) -> StoreError {
    match error.as_db_error() {
        Some(said) => of_code(said),
        None if error.to_string().contains("error serializing parameter") => {
            StoreError::Refused { reason: chain(error) }
        }
        None => StoreError::Unavailable { reason: format!("the connection to PostgreSQL: {}", chain(error)) },
    }
}

/// What the server's code means, by its class where that is enough.
fn of_code(said: &DbError) -> StoreError {
    let reason = of_server(said);
    match *said.code() {
        SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME => return StoreError::Gone { reason },
        // A role gets its rights back, as a server takes writes again.
        SqlState::INSUFFICIENT_PRIVILEGE => return StoreError::Unavailable { reason },
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => return StoreError::Corrupt { reason },
        _ => {}
    }
    match &said.code().code()[..2] {
        // For the data: a text that the encoding cannot hold, a broken rule, a statement that is wrong for these tables, a row
        // that is larger than an index takes.
        "22" | "23" | "42" | "54" => StoreError::Refused { reason },
        _ => StoreError::Unavailable { reason },
    }
}

/// An error of COMMIT.
pub(super) fn of_commit(error: &Error) -> StoreError {
    match (error.as_db_error(), of_statement(error)) {
        // The server has decided, and against it. One that is ending may have committed before.
        (Some(said), outcome) if !ends_the_connection(said) => outcome,
        // It may have committed and its word been lost.
        (_, StoreError::Unavailable { reason }) => StoreError::Unknown { reason },
        (_, other) => other,
    }
}

/// Whether the server says this in place of going on: it may come behind any statement, also one that is done.
fn ends_the_connection(said: &DbError) -> bool {
    let fatal = matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    let code = said.code().code();
    fatal || code.starts_with("57P0") || code.starts_with("08")
}

/// An error of a new connection.
pub(super) fn of_connection(error: &Error) -> StoreError {
    let why = match error.as_db_error() {
        Some(said) => of_server(said),
        None => format!("{}{}", chain(error), advice_on_tls(error)),
    };
    StoreError::Unavailable { reason: format!("no connection to PostgreSQL: {why}") }
}

/// What to do when there is no trust.
fn advice_on_tls(error: &Error) -> &'static str {
    let text = chain(error);
    if text.contains("server does not support TLS") {
        return "; switch TLS on there (ssl = on), or use sslmode=disable on a network that you trust";
    }
    match std::error::Error::source(error).and_then(tls_error) {
        Some(rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. },
        )) => "; use the name that the server's certificate is for",
        Some(rustls::Error::InvalidCertificate(_)) => {
            "; name the certificates that it is signed by with sslrootcert=PATH, or use sslmode=disable on a network that you trust"
        }
        _ => "",
    }
}

fn tls_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    inner.map_or_else(|| error.downcast_ref(), |inner| inner.downcast_ref())
}

/// An error of the pool.
pub(super) fn of_pool(error: &PoolError) -> StoreError {
    match error {
        // There was one when the store was opened.
        PoolError::Backend(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {
            StoreError::Gone { reason: chain(error) }
        }
        PoolError::Backend(error) => of_connection(error),
        PoolError::Timeout(_) => {
            let reason = "no connection to PostgreSQL: the server does not answer".to_owned();
            StoreError::Unavailable { reason }
        }
        other => StoreError::Unavailable { reason: format!("no connection to PostgreSQL: {}", chain(other)) },
    }
}
