//! What stands in the columns of a database that hold JSON, times and ids, in whichever database.
//! Does not know tables.

use chrono::DateTime;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskwright_registry::{InvalidId, Priority, Timestamp};

use crate::StoreError;

/// A value as JSON.
pub(crate) fn encode<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| of_row(what, error))
}

/// JSON of a row as a value, or what is wrong with it.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// JSON of the store's own as a value.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| of_row(what, error))
}

/// A time as a column has it.
pub(crate) fn millis(at: Timestamp) -> i64 {
    at.timestamp_millis()
}

/// A column as a time.
pub(crate) fn time(millis: i64) -> Result<Timestamp, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| of_row("a time", millis))
}

/// A column as a priority, or what is wrong with it.
pub(crate) fn rank(rank: i64) -> Result<Priority, String> {
    let priority = u8::try_from(rank).ok().and_then(Priority::of_rank);
    priority.ok_or_else(|| format!("there is no priority of rank {rank}"))
}

/// A row that does not hold what this program writes.
pub(crate) fn of_row(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { reason: format!("{what}: {error}") }
}

/// An identifier in a row that is none.
pub(crate) fn of_id(error: InvalidId) -> StoreError {
    of_row("an id", error)
}
