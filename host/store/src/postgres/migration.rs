//! A PostgreSQL as the target of a migration: rows go in together with the mark that says how far it has come.
//! Does not know where they are from.

use std::path::PathBuf;

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::decode::get;
use super::failure::{of_commit, of_pool, of_statement};
use super::{PostgresOptions, PostgresStore};
use crate::StoreError;
use crate::migrate::table::{Holds, Row, Rows, TABLES, Table, Value};

/// What migrations into one schema keep each other away with: `TkWm`, and the schema's name.
const LOCK: i32 = 0x546b_576d;

/// Rows that are read at one time at most: some of them are as large as a result may be.
const ROWS: usize = 100;

/// How far a migration has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Where it is from, for people.
    pub(crate) source: String,
    /// What tells the source from another, and from itself after it was written to.
    pub(crate) fingerprint: String,
    /// The table that is being copied, by its place in the list.
    pub(crate) table: usize,
    /// The key of the last row that was.
    pub(crate) place: Option<Row>,
    /// Rows that were copied, of all tables.
    pub(crate) copied: u64,
    /// Whether everything was compared and found equal.
    pub(crate) complete: bool,
}

/// A schema that nobody else migrates into until this is dropped.
pub(crate) struct Target {
    client: Object,
    /// Its connections end with it.
    _store: PostgresStore,
}

/// Refuses a schema that a migration has not filled completely.
pub(super) async fn refuse_unfinished(client: &Object) -> Result<(), StoreError> {
    match mark(client).await? {
        Some(Mark { complete: false, source, .. }) => Err(StoreError::Unavailable {
            reason: format!(
                "a migration from {source} into this schema is not complete; run `taskwright migrate` again"
            ),
        }),
        _ => Ok(()),
    }
}

async fn mark(client: &Object) -> Result<Option<Mark>, StoreError> {
    let there = client.query_one("SELECT to_regclass('migration') IS NOT NULL", &[]).await;
    if !get::<bool>(&there.map_err(|error| of_statement(&error))?, 0)? {
        return Ok(None);
    }
    let sql = "SELECT source, fingerprint, at_table, place, copied, complete FROM migration";
    let Some(row) = client.query_opt(sql, &[]).await.map_err(|error| of_statement(&error))? else { return Ok(None) };
    let table: String = get(&row, 2)?;
    let place: Option<String> = get(&row, 3)?;
    Ok(Some(Mark {
        source: get(&row, 0)?,
        fingerprint: get(&row, 1)?,
        table: TABLES.iter().position(|known| known.name == table).unwrap_or(TABLES.len()),
        place: place.map(|place| crate::column::decode("the place of a migration", &place)).transpose()?,
        copied: u64::try_from(get::<i64>(&row, 4)?).unwrap_or_default(),
        complete: get(&row, 5)?,
    }))
}

impl Target {
    /// Connects, makes the schema if it is not there, and keeps other migrations away; nothing if one is running. No row is written
    /// yet.
    pub(crate) async fn open(
        address: &str,
        schema: &str,
        root_certificates: Option<PathBuf>,
    ) -> Result<Option<Self>, StoreError> {
        let schema = schema.to_owned();
        let options = PostgresOptions { connections: 1, schema, root_certificates, ..PostgresOptions::default() };
        let store = PostgresStore::connect(address, options).await?;
        let client = store.shared.pool.get().await.map_err(|error| of_pool(&error))?;
        let target = Self { client, _store: store };
        let schema = &target._store.shared.options.schema;
        // One that was killed a moment ago has it until the server notices.
        target.run("SET lock_timeout = '5s'", &[]).await?;
        let locked = target.client.execute("SELECT pg_advisory_lock($1, hashtext($2))", &[&LOCK, schema]).await;
        match locked {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => return Ok(None),
            other => other.map_err(|error| of_statement(&error))?,
        };
        target.run("SET lock_timeout = 0", &[]).await?;
        Ok(Some(target))
    }

    /// How far a migration into it has come, if there is one.
    pub(crate) async fn mark(&self) -> Result<Option<Mark>, StoreError> {
        mark(&self.client).await
    }

    /// How many sessions and hosts it knows, and tasks that it has forgotten.
    pub(crate) async fn holds(&self) -> Result<i64, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM hosts)
                       + (SELECT last_value FROM forgotten)";
        get(&self.client.query_one(sql, &[]).await.map_err(|error| of_statement(&error))?, 0)
    }

    /// Begins a migration: from here on nobody opens the schema as a store.
    pub(crate) async fn begin(&self, mark: &Mark) -> Result<(), StoreError> {
        self.transaction(async {
            self.run(
                "CREATE TABLE IF NOT EXISTS migration (
                     one boolean PRIMARY KEY DEFAULT true CHECK (one), source text NOT NULL, fingerprint text NOT NULL,
                     at_table text NOT NULL, place text, copied bigint NOT NULL, complete boolean NOT NULL)",
                &[],
            )
            .await?;
            let sql =
                "INSERT INTO migration (source, fingerprint, at_table, copied, complete) VALUES ($1, $2, $3, 0, false)";
            self.run(sql, &[&mark.source, &mark.fingerprint, &TABLES[0].name]).await
        })
        .await
    }

    /// Throws away what a migration has copied, and its mark.
    pub(crate) async fn clear(&self) -> Result<(), StoreError> {
        self.transaction(async {
            let tables = TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
            self.run(&format!("TRUNCATE {tables}, wake_claims"), &[]).await?;
            self.run("DELETE FROM migration", &[]).await
        })
        .await
    }

    /// Puts rows in, and the mark forward, or neither.
    pub(crate) async fn put(&self, table: &Table, rows: &[Row], mark: &Mark) -> Result<(), StoreError> {
        self.transaction(async {
            if !rows.is_empty() {
                let columns: Vec<Given> =
                    table.columns.iter().enumerate().map(|(at, column)| given(column.holds, rows, at)).collect();
                let places: Vec<String> = (table.columns.iter().enumerate())
                    .map(|(at, column)| format!("${}::{}[]", at + 1, type_of(column.holds)))
                    .collect();
                let (names, places) = (table.names(), places.join(", "));
                let sql = format!("INSERT INTO {} ({names}) SELECT * FROM unnest({places})", table.name);
                let columns: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| &**column as _).collect();
                self.run(&sql, &columns).await?;
            }
            let at_table = TABLES.get(mark.table).map_or("", |table| table.name);
            let place = mark
                .place
                .as_ref()
                .map(|place| crate::column::encode("the place of a migration", place))
                .transpose()?;
            let copied = i64::try_from(mark.copied).unwrap_or(i64::MAX);
            let sql = "UPDATE migration SET at_table = $1, place = $2, copied = $3";
            self.run(sql, &[&at_table, &place, &copied]).await
        })
        .await
    }

    /// Has numbering go on behind these: of a table, and of what was forgotten.
    pub(crate) async fn go_on_behind(&self, numbers: &[(&Table, i64)], forgotten: i64) -> Result<(), StoreError> {
        for (table, last) in numbers.iter().filter(|(_, last)| *last > 0) {
            let sql = "SELECT setval(pg_get_serial_sequence($1, $2)::regclass, $3)";
            self.run(sql, &[&table.name, &table.columns[0].name, last]).await?;
        }
        self.run("SELECT setval('forgotten', $1)", &[&forgotten]).await
    }

    /// Says that everything is there: whoever wants may open the store.
    pub(crate) async fn complete(&self) -> Result<(), StoreError> {
        self.run("ANALYZE", &[]).await?;
        self.run("UPDATE migration SET complete = true", &[]).await
    }

    async fn run(&self, sql: &str, given: &[&(dyn ToSql + Sync)]) -> Result<(), StoreError> {
        self.client.execute(sql, given).await.map(drop).map_err(|error| of_statement(&error))
    }

    async fn transaction(&self, work: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
        self.client.batch_execute("BEGIN").await.map_err(|error| of_statement(&error))?;
        match work.await {
            Ok(()) => self.client.batch_execute("COMMIT").await.map_err(|error| of_commit(&error)),
            Err(error) => {
                // The connection ends with the migration, and whatever is open with it.
                let _ = self.client.batch_execute("ROLLBACK").await;
                Err(error)
            }
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // The lock belongs to the connection, which nobody else is to get.
        self._store.shared.pool.close();
    }
}

type Given = Box<dyn ToSql + Sync + Send>;

fn type_of(holds: Holds) -> &'static str {
    match holds {
        Holds::Number => "bigint",
        Holds::Small => "smallint",
        Holds::Flag => "boolean",
        Holds::Text => "text",
        Holds::Bytes => "bytea",
    }
}

/// One column of all rows.
fn given(holds: Holds, rows: &[Row], at: usize) -> Given {
    let numbers = || {
        rows.iter().map(|row| match &row[at] {
            Value::Number(number) => Some(*number),
            _ => None,
        })
    };
    match holds {
        Holds::Number => Box::new(numbers().collect::<Vec<_>>()),
        Holds::Small => Box::new(numbers().map(|number| number.map(small)).collect::<Vec<_>>()),
        Holds::Flag => Box::new(numbers().map(|number| number.map(|number| number != 0)).collect::<Vec<_>>()),
        Holds::Text => {
            let texts = rows.iter().map(|row| match &row[at] {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            });
            Box::new(texts.collect::<Vec<_>>())
        }
        Holds::Bytes => {
            let blobs = rows.iter().map(|row| match &row[at] {
                Value::Bytes(bytes) => Some(bytes.clone()),
                _ => None,
            });
            Box::new(blobs.collect::<Vec<_>>())
        }
    }
}

/// One that does not fit is seen when both ends are compared.
fn small(number: i64) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

impl Rows for Target {
    async fn after(&mut self, table: &'static Table, place: Option<Row>, limit: usize) -> Result<Vec<Row>, StoreError> {
        let key: Vec<String> = table.key().iter().map(|column| ordered(column.holds, column.name)).collect();
        let key = key.join(", ");
        let (mut from, mut parameters) = (String::new(), Vec::<Given>::new());
        if let Some(place) = place {
            let places: Vec<String> = (1..=place.len()).map(|at| format!("${at}")).collect();
            from = format!("WHERE ({key}) > ({})", places.join(", "));
            for (at, column) in table.key().iter().enumerate() {
                parameters.push(match (column.holds, &place[at]) {
                    (Holds::Text, Value::Text(text)) => Box::new(text.clone()),
                    (_, Value::Number(number)) => Box::new(*number),
                    _ => return Err(crate::column::of_row("the place of a migration", "it is no key")),
                });
            }
        }
        let limit = limit.min(ROWS);
        let sql = format!("SELECT {} FROM {} {from} ORDER BY {key} LIMIT {limit}", table.names(), table.name);
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|one| &**one as _).collect();
        let rows = self.client.query(&sql, &parameters).await.map_err(|error| of_statement(&error))?;
        let one = |row: &tokio_postgres::Row| {
            let columns = table.columns.iter().enumerate();
            columns.map(|(at, column)| value(row, at, column.holds)).collect::<Result<Row, StoreError>>()
        };
        rows.iter().map(one).collect()
    }
}

/// A column of a key, in the order of its bytes as a file has it.
fn ordered(holds: Holds, name: &str) -> String {
    match holds {
        Holds::Text => format!("{name} COLLATE \"C\""),
        _ => name.to_owned(),
    }
}

fn value(row: &tokio_postgres::Row, at: usize, holds: Holds) -> Result<Value, StoreError> {
    let number = |number: Option<i64>| number.map_or(Value::Null, Value::Number);
    Ok(match holds {
        Holds::Number => number(get(row, at)?),
        Holds::Small => number(get::<Option<i16>>(row, at)?.map(i64::from)),
        Holds::Flag => number(get::<Option<bool>>(row, at)?.map(i64::from)),
        Holds::Text => get::<Option<String>>(row, at)?.map_or(Value::Null, Value::Text),
        Holds::Bytes => get::<Option<Vec<u8>>>(row, at)?.map_or(Value::Null, Value::Bytes),
    })
}
