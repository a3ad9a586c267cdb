//! What a registry consists of, table by table and column by column, as a file and a PostgreSQL both have it.
//! Does not read or write: the two ends do.

use sha2::{Digest, Sha256};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Number,
    /// A number of two bytes in a PostgreSQL.
    Small,
    /// Zero or one in a file.
    Flag,
    Text,
    Bytes,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
    /// What is carried over instead of what the file has.
    pub(crate) instead: Option<&'static str>,
}

/// A table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// How many of its columns, from the first on, are its key.
    pub(crate) key: usize,
    pub(crate) columns: &'static [Column],
    /// Whether the first column numbers what is new, so that numbering has to go on behind what was carried over.
    pub(crate) numbers: bool,
}

impl Table {
    /// Its columns' names with commas between them.
    pub(crate) fn names(&self) -> String {
        self.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }

    /// The columns of its key.
    pub(crate) fn key(&self) -> &'static [Column] {
        &self.columns[..self.key]
    }
}

/// A value, whichever end it is from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// About how many bytes it takes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Null | Self::Number(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// A row, in the order of its table's columns.
pub(crate) type Row = Vec<Value>;

/// Rows from a place on, in the order of the key.
pub(crate) trait Rows: Send {
    /// At most as many rows behind the one with this key, fewer where they are large, and at least one if there is one.
    fn after(
        &mut self,
        table: &'static Table,
        place: Option<Row>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Row>, crate::StoreError>> + Send;
}

/// How many rows a table has, and what they say: the SHA-256 of all their values in the order of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// The table.
    pub table: &'static str,
    /// Rows.
    pub rows: u64,
    /// In hexadecimal digits.
    pub checksum: String,
}

/// Sums a table up, a few rows at a time.
pub(crate) async fn sum(
    rows: &mut impl Rows,
    table: &'static Table,
    at_a_time: usize,
) -> Result<Sum, crate::StoreError> {
    let (mut hash, mut count, mut place) = (Sha256::new(), 0, None);
    loop {
        let batch = rows.after(table, place.take(), at_a_time).await?;
        let Some(last) = batch.last() else { break };
        place = Some(last[..table.key].to_vec());
        count += batch.len() as u64;
        for value in batch.iter().flatten() {
            digest(&mut hash, value);
        }
    }
    let checksum = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Sum { table: table.name, rows: count, checksum })
}

/// A value with its kind and length, so that no two rows look alike that are not.
fn digest(hash: &mut Sha256, value: &Value) {
    let mut put = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    match value {
        Value::Null => put(0, &[]),
        Value::Number(number) => put(1, &number.to_le_bytes()),
        Value::Text(text) => put(2, text.as_bytes()),
        Value::Bytes(bytes) => put(3, bytes),
    }
}

const fn number(name: &'static str) -> Column {
    Column { name, holds: Holds::Number, instead: None }
}

const fn small(name: &'static str) -> Column {
    Column { name, holds: Holds::Small, instead: None }
}

const fn flag(name: &'static str) -> Column {
    Column { name, holds: Holds::Flag, instead: None }
}

const fn text(name: &'static str) -> Column {
    Column { name, holds: Holds::Text, instead: None }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, holds: Holds::Bytes, instead: None }
}

const fn instead(of: Column, sql: &'static str) -> Column {
    Column { instead: Some(sql), ..of }
}

/// All that is carried over, so that what a row refers to is there before it.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "sessions",
        key: 1,
        columns: &[
            number("no"),
            text("id"),
            number("last_seq"),
            text("state"),
            text("record"),
            flag("ending"),
            text("owner_id"),
            text("owner_task_id"),
        ],
        numbers: true,
    },
    Table {
        name: "tasks",
        key: 1,
        columns: &[
            number("no"),
            text("id"),
            number("session"),
            number("version"),
            text("state"),
            text("phase"),
            number("due_at"),
            number("finished_at"),
            number("external_ends_at"),
            flag("external_cancel"),
            text("host_id"),
            number("host_epoch"),
            text("kind"),
            text("code"),
            text("name"),
            text("idempotency_key"),
            text("parent_task_id"),
            text("run_id"),
            small("hidden"),
            small("priority"),
            text("record"),
        ],
        numbers: true,
    },
    Table { name: "specs", key: 1, columns: &[number("task"), text("spec")], numbers: false },
    Table { name: "results", key: 1, columns: &[number("task"), text("result")], numbers: false },
    Table { name: "checkpoints", key: 1, columns: &[number("task"), bytes("bytes")], numbers: false },
    Table {
        name: "messages",
        key: 1,
        columns: &[
            number("no"),
            text("id"),
            number("task"),
            text("direction"),
            small("taken"),
            flag("answered"),
            text("body"),
        ],
        numbers: true,
    },
    Table {
        name: "events",
        key: 1,
        columns: &[
            number("no"),
            number("session"),
            number("seq"),
            number("at"),
            text("task_id"),
            text("type"),
            text("changes"),
            text("body"),
        ],
        numbers: true,
    },
    Table {
        name: "wakes",
        key: 1,
        columns: &[
            number("id"),
            number("session"),
            text("task_id"),
            number("attempt"),
            text("cause_key"),
            text("cause"),
            text("text"),
            number("created_at"),
            number("acknowledged_at"),
        ],
        numbers: true,
    },
    Table {
        name: "canceled_lineages",
        key: 2,
        columns: &[number("session"), text("lineage"), number("at")],
        numbers: false,
    },
    // Whoever held one is gone: what it has left is taken over as after any death of a host.
    Table {
        name: "hosts",
        key: 2,
        columns: &[
            text("id"),
            number("epoch"),
            number("length_ms"),
            instead(text("era"), "'of a file'"),
            instead(number("until_ms"), "0"),
            instead(flag("taken"), "1"),
            number("opened_at"),
            number("renewed_at"),
        ],
        numbers: false,
    },
];

/// Tables that are left behind on purpose: what is claimed anew by whoever comes next, what is a number, and what belongs to SQLite.
pub(crate) const LEFT: &[&str] = &["wake_claims", "forgotten", "sqlite_sequence"];
