//! What stands in the columns that hold JSON and times.
//! Does not know tables.

use chrono::DateTime;
use rusqlite::types::ValueRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskwright_registry::Timestamp;

use super::failure::of_row;
use crate::StoreError;

/// A value as JSON.
pub(super) fn encode<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| of_row(what, error))
}

/// JSON as a value.
pub(super) fn decode<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| of_row(what, error))
}

/// A column with JSON as a value, without a copy of the text.
pub(super) fn decode_column<T: DeserializeOwned>(what: &str, column: ValueRef<'_>) -> Result<T, StoreError> {
    decode(what, column.as_str().map_err(|error| of_row(what, error))?)
}

/// A time as a column has it.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.timestamp_millis()
}

/// A column as a time.
pub(super) fn time(millis: i64) -> Result<Timestamp, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| of_row("a time", millis))
}
