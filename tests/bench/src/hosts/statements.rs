//! Which statements a server was asked to run, how often, and what each took it.
//! Does not count what is asked while it looks: it starts from a reset.

use anyhow::Result;

use super::database::Database;

/// One statement.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) calls: f64,
    /// In all, in milliseconds.
    pub(crate) total_ms: f64,
    /// The beginning of its text, on one line.
    pub(crate) text: String,
}

/// The most letters of a text that are shown.
const SHOWN: usize = 110;
/// The most statements.
const MOST: i64 = 16;

/// Forgets what was counted in this database.
pub(crate) async fn reset(database: &Database) -> Result<()> {
    let sql = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = $1";
    database.outside.query(sql, &[&database.name]).await?;
    Ok(())
}

/// Those that took the server the most, since the reset.
pub(crate) async fn look(database: &Database) -> Result<Vec<Statement>> {
    let sql = "SELECT s.calls::float8, s.total_exec_time + s.total_plan_time, s.query
               FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
               WHERE d.datname = $1 ORDER BY 2 DESC LIMIT $2";
    let rows = database.outside.query(sql, &[&database.name, &MOST]).await?;
    let statement = |row: &tokio_postgres::Row| {
        let text: String = row.get(2);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        Statement { calls: row.get(0), total_ms: row.get(1), text: words.chars().take(SHOWN).collect() }
    };
    Ok(rows.iter().map(statement).collect())
}
