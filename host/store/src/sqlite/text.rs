//! What is no business of SQLite's about columns: a name for `crate::column`.
//! Does not know tables.

pub(super) use crate::column::{encode, millis, time};
