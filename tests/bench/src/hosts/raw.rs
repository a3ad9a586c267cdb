//! What the server alone can do: `pgbench` runs the claim and the finish of a task over a table shaped like ours, with all its
//! indexes and with records of the same size, and nothing else: no session, no event, no specification, no fence.
//! Does not run any code of ours while it measures.

use std::path::Path;

use anyhow::{Context, Result, bail};
use taskwright_test_postgres::Server;
use tokio::process::Command;

use super::contender::Contender;
use super::counters::Counters;
use super::database::Database;

/// Records that the others are copies of.
const ORIGINALS: usize = 256;

/// The table, as full as it has to be: `raw`.
const TABLE: &str = "
    DROP TABLE IF EXISTS raw;
    CREATE TABLE raw (LIKE taskwright.tasks INCLUDING ALL) WITH (fillfactor = 70);
    INSERT INTO raw (id, session, version, state, phase, due_at, kind, hidden, record)
        SELECT t.id || '-' || copy, t.session, t.version, t.state, t.phase, t.due_at, t.kind, t.hidden, t.record
        FROM generate_series(1, COPIES) copy, taskwright.tasks t;";

/// One transaction that claims a task, which is durable before it is begun, and one that finishes it.
const SINGLY: &str = "\
WITH due AS (
    SELECT no FROM raw WHERE kind = 'nothing' AND code IS NULL AND due_at <= 9000000000000
    ORDER BY due_at, no LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE raw SET version = raw.version + 1, state = 'running', phase = 'resident', due_at = NULL, host_id = 'host_' || :client_id::text,
    host_epoch = 1, record = raw.record || ' '
FROM due WHERE raw.no = due.no RETURNING raw.no AS no \\gset
UPDATE raw SET version = version + 1, state = 'succeeded', phase = 'over', host_id = NULL, host_epoch = NULL,
    finished_at = 1800000000000, record = record || ' '
WHERE no = :no AND phase = 'resident';
";

/// The same for sixty-four tasks at once.
const BATCHED: &str = "\
WITH due AS (
    SELECT no FROM raw WHERE kind = 'nothing' AND code IS NULL AND due_at <= 9000000000000
    ORDER BY due_at, no LIMIT 64 FOR UPDATE SKIP LOCKED),
claimed AS (
    UPDATE raw SET version = raw.version + 1, state = 'running', phase = 'resident', due_at = NULL, host_id = 'host_',
        host_epoch = 1, record = raw.record || ' '
    FROM due WHERE raw.no = due.no RETURNING raw.no)
SELECT array_agg(no)::text AS nos FROM claimed \\gset
UPDATE raw SET version = version + 1, state = 'succeeded', phase = 'over', host_id = NULL, host_epoch = NULL,
    finished_at = 1800000000000, record = record || ' '
WHERE no = ANY(:nos::bigint[]) AND phase = 'resident';
";

/// How `pgbench` is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) clients: usize,
    /// Tasks of one transaction.
    pub(crate) batch: usize,
}

/// What is measured, in this order.
const SETTINGS: [Setting; 7] = [
    Setting { clients: 1, batch: 1 },
    Setting { clients: 4, batch: 1 },
    Setting { clients: 16, batch: 1 },
    Setting { clients: 64, batch: 1 },
    Setting { clients: 1, batch: 64 },
    Setting { clients: 2, batch: 64 },
    Setting { clients: 4, batch: 64 },
];

/// What one of them gave.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) setting: Setting,
    /// Tasks claimed and finished in a second.
    pub(crate) rate: f64,
    /// Bytes of the log for each.
    pub(crate) wal_bytes: f64,
    /// Syncs of the log for each.
    pub(crate) wal_syncs: f64,
    /// The share of updates that touched no index.
    pub(crate) hot_share: f64,
}

/// The best of those with so many tasks in a transaction.
pub(crate) fn best(all: &[Raw], batch: usize) -> f64 {
    all.iter().filter(|raw| raw.setting.batch == batch).map(|raw| raw.rate).fold(f64::NAN, f64::max)
}

/// Measures all settings, over about so many tasks each, ten times as many where they are batched.
pub(crate) async fn measure(server: &Server, tasks: usize, folder: &Path) -> Result<Vec<Raw>> {
    let database = Database::create(server, "raw").await?;
    Contender::Native.run("setup", &[&database.address]).await?;
    Contender::Native.run("fill", &[&database.address, &ORIGINALS.to_string()]).await?;
    let mut all = Vec::new();
    for setting in SETTINGS {
        all.push(run(server, &database, setting, tasks, folder).await?);
    }
    database.remove().await?;
    Ok(all)
}

async fn run(server: &Server, database: &Database, setting: Setting, tasks: usize, folder: &Path) -> Result<Raw> {
    let Setting { clients, batch } = setting;
    let times = if batch == 1 { tasks } else { tasks * 10 }.div_ceil(clients * batch).max(1);
    let done = times * clients * batch;
    // More than are claimed, so that nobody finds nothing.
    let copies = (done + 2 * clients * batch).div_ceil(ORIGINALS) + 1;
    database.client.batch_execute(&TABLE.replace("COPIES", &copies.to_string())).await?;
    database.settle().await?;
    let script = folder.join("raw.sql");
    std::fs::write(&script, if batch == 1 { SINGLY } else { BATCHED })?;
    let before = Counters::look(server, database).await?;
    let mut pgbench = Command::new(server.program("pgbench"));
    pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]);
    pgbench.arg(format!("--client={clients}")).arg(format!("--transactions={times}"));
    pgbench.arg("--file").arg(&script).arg(&database.address);
    let output = pgbench.output().await.context("pgbench, of Debian's package `postgresql`")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let transactions: f64 = said
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("pgbench: {said}{}", String::from_utf8_lossy(&output.stderr)))?;
    if !output.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr));
    }
    let counted = Counters::look(server, database).await?.since(&before);
    Ok(Raw {
        setting,
        rate: transactions * batch as f64,
        wal_bytes: counted.wal_bytes / done as f64,
        wal_syncs: counted.wal_syncs / done as f64,
        hot_share: counted.hot_share(),
    })
}
