//! Columns of SQLite with JSON in them.
//! Does not know tables, and shares what is no business of SQLite's with `crate::column`.

use rusqlite::types::ValueRef;
use serde::de::DeserializeOwned;

use crate::StoreError;
pub(super) use crate::column::{decode, encode, millis, of_row, time};

/// A column with JSON as a value, without a copy of the text.
pub(super) fn decode_column<T: DeserializeOwned>(what: &str, column: ValueRef<'_>) -> Result<T, StoreError> {
    decode(what, column.as_str().map_err(|error| of_row(what, error))?)
}
