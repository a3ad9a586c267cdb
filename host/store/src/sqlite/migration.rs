//! A registry's file as the source of a migration: it is locked against writes and read in the order of its keys.
//! Does not change it, beyond the steps of the schema that opening it takes.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use tokio::task::spawn_blocking;

use super::{SqliteOptions, connect, file};
use crate::StoreError;
use crate::column::of_row;
use crate::migrate::table::{Column, LEFT, Row, Rows, TABLES, Table, Value};

/// After so many bytes no further row is read at one time.
const BYTES: usize = 4 * 1024 * 1024;

/// A file that nobody can write to until this is dropped.
pub(crate) struct Source(Option<Connection>);

impl Source {
    /// Locks the file at `path`, which must be there and may be in use by nobody who writes at this moment. Blocks.
    pub(crate) fn lock(path: &Path, options: &SqliteOptions) -> Result<Self, StoreError> {
        let connection = connect::writer(&file::prepare(path)?, options)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        check_columns(&connection)?;
        Ok(Self(Some(connection)))
    }

    /// Where the file is told from another by, and from itself after it was written to: what can be seen at once of its rows.
    pub(crate) fn fingerprint(&self) -> Result<String, StoreError> {
        let sql = "SELECT json_array(
                       (SELECT id FROM sessions ORDER BY no LIMIT 1), (SELECT id FROM tasks ORDER BY no LIMIT 1),
                       (SELECT coalesce(sum(last_seq), 0) FROM sessions), (SELECT coalesce(max(no), 0) FROM events),
                       (SELECT count(*) FROM tasks), (SELECT coalesce(sum(version), 0) FROM tasks),
                       (SELECT count(*) FROM wakes WHERE acknowledged_at IS NULL), (SELECT count FROM forgotten))";
        Ok(self.connection()?.query_row(sql, [], |row| row.get(0))?)
    }

    /// How many tasks were removed.
    pub(crate) fn forgotten(&self) -> Result<i64, StoreError> {
        Ok(self.connection()?.query_row("SELECT count FROM forgotten", [], |row| row.get(0))?)
    }

    /// The last number that a table has given, also to rows that are gone.
    pub(crate) fn last_number(&self, table: &Table) -> Result<i64, StoreError> {
        let connection = self.connection()?;
        let sql = format!("SELECT coalesce(max({}), 0) FROM {}", table.columns[0].name, table.name);
        let there: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
        let given: Option<i64> = connection.query_row(sql, [table.name], |row| row.get(0)).optional()?;
        Ok(there.max(given.unwrap_or(0)))
    }

    fn connection(&self) -> Result<&Connection, StoreError> {
        self.0.as_ref().ok_or_else(lost)
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable { reason: "reading the file was broken off".to_owned() }
}

/// Refuses a file with a table or a column that would be left behind.
fn check_columns(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare(
        "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, column): (String, String) = (row.get(0)?, row.get(1)?);
        let carried =
            TABLES.iter().any(|known| known.name == table && known.columns.iter().any(|known| known.name == column));
        if !carried && !LEFT.contains(&table.as_str()) {
            let reason = format!("a migration does not know the column {table}.{column}");
            return Err(StoreError::Corrupt { reason });
        }
    }
    Ok(())
}

impl Rows for Source {
    async fn after(&mut self, table: &'static Table, place: Option<Row>, limit: usize) -> Result<Vec<Row>, StoreError> {
        let connection = self.0.take().ok_or_else(lost)?;
        let read = spawn_blocking(move || {
            let rows = read(&connection, table, place, limit);
            (connection, rows)
        });
        let (connection, rows) = read.await.map_err(|_| lost())?;
        self.0 = Some(connection);
        rows
    }
}

fn read(
    connection: &Connection,
    table: &'static Table,
    place: Option<Row>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let given = |column: &Column| column.instead.unwrap_or(column.name);
    let columns = table.columns.iter().map(given).collect::<Vec<_>>().join(", ");
    let key = table.key().iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
    let from = match &place {
        None => String::new(),
        Some(place) => format!("WHERE ({key}) > ({})", vec!["?"; place.len()].join(", ")),
    };
    let sql = format!("SELECT {columns} FROM {} {from} ORDER BY {key} LIMIT {limit}", table.name);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(place.into_iter().flatten().map(parameter)))?;
    let (mut rows, mut held) = (Vec::new(), 0);
    while held < BYTES
        && let Some(row) = found.next()?
    {
        let values = (0..table.columns.len()).map(|at| value(row.get_ref(at)?));
        let row = values.collect::<Result<Row, StoreError>>()?;
        held += row.iter().map(Value::len).sum::<usize>();
        rows.push(row);
    }
    Ok(rows)
}

fn parameter(value: Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Number(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::Bytes(bytes) => bytes.into(),
    }
}

fn value(column: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match column {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Number(number),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Text(text) => {
            Value::Text(std::str::from_utf8(text).map_err(|error| of_row("a text", error))?.to_owned())
        }
        ValueRef::Real(_) => return Err(of_row("a column", "it holds a number with a fraction")),
    })
}
