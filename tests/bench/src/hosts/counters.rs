//! What a server has counted so far, and what lies between two looks at it.
//! Does not reset anything: the server may have others to serve.

use anyhow::Result;
use taskwright_test_postgres::Server;

use super::cpu;
use super::database::Database;

/// A look at the counters, or the difference of two.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Statements of clients in this database, `BEGIN` and `COMMIT` among them.
    pub(crate) statements: f64,
    /// Transactions that were committed in this database, those that only read among them.
    pub(crate) commits: f64,
    /// Bytes of the server's write-ahead log.
    pub(crate) wal_bytes: f64,
    /// How often the server has synced it.
    pub(crate) wal_syncs: f64,
    /// Rows of this database's tables that were updated.
    pub(crate) updates: f64,
    /// Those of them that touched no index.
    pub(crate) hot_updates: f64,
    /// Seconds of the processors that the server has used, in all of its processes.
    pub(crate) cpu_seconds: f64,
}

impl Counters {
    /// What was counted so far. What a connection has done is counted for certain once it has ended.
    pub(crate) async fn look(server: &Server, database: &Database) -> Result<Self> {
        let sql = "SELECT coalesce(sum(s.calls), 0)::float8
                   FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1";
        let statements = database.row_outside(sql, &[&database.name]).await?.get(0);
        let sql = "SELECT xact_commit::float8 FROM pg_stat_database WHERE datname = $1";
        let commits = database.row_outside(sql, &[&database.name]).await?.get(0);
        let sql =
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8, wal_sync::float8 FROM pg_stat_wal";
        let wal = database.row_outside(sql, &[]).await?;
        let sql = "SELECT coalesce(sum(n_tup_upd), 0)::float8, coalesce(sum(n_tup_hot_upd), 0)::float8
                   FROM pg_stat_user_tables";
        let rows = database.row(sql).await?;
        Ok(Self {
            statements,
            commits,
            wal_bytes: wal.get(0),
            wal_syncs: wal.get(1),
            updates: rows.get(0),
            hot_updates: rows.get(1),
            cpu_seconds: cpu::of_family(server.process().unwrap_or_default())?,
        })
    }

    /// What was counted since an earlier look.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            statements: self.statements - before.statements,
            commits: self.commits - before.commits,
            wal_bytes: self.wal_bytes - before.wal_bytes,
            wal_syncs: self.wal_syncs - before.wal_syncs,
            updates: self.updates - before.updates,
            hot_updates: self.hot_updates - before.hot_updates,
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
        }
    }

    /// The share of updates that touched no index.
    pub(crate) fn hot_share(&self) -> f64 {
        self.hot_updates / self.updates
    }
}
