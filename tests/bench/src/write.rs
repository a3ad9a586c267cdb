//! What a fenced update with its event costs in the SQLite store: 64 writers at once, against the same rows written by
//! bare rusqlite in batches of the same size, and against one transaction for each update, on the same disk in one run.
//! Does not compare stores with each other.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::{Connection, params};
use serde_json::json;
use taskwright_registry::{HostId, HostRef, LeaseLength, NewTask, Progress, SessionId, Task, TaskId, TaskUpdate};
use taskwright_store::{ClaimRequest, SqliteOptions, SqliteStore, Store};
use tokio::runtime::Runtime;

use crate::figures::{median, milliseconds, per_second};
use crate::table;

/// Writers at once, each with a session and a task of its own.
const WRITERS: usize = 64;
/// Measured rounds, interleaved so that a slow moment of the machine meets all three.
const ROUNDS: usize = 5;

struct Store64 {
    store: SqliteStore,
    tasks: Vec<Task>,
}

impl Store64 {
    async fn open(path: &Path) -> Result<Self> {
        let store = SqliteStore::open(path, SqliteOptions::default())?;
        let host = HostRef { id: HostId::new(store.now(), [1; 10]), epoch: 1 };
        store.open_lease(&host, LeaseLength::default()).await?;
        let mut tasks = Vec::new();
        for number in 0..WRITERS {
            let session: SessionId = format!("session-{number}").parse()?;
            let mut random = [0; 10];
            random[0] = u8::try_from(number)?;
            let spec = json!({"pattern": "async fn", "path": ".", "max_matches": 1_000});
            let new = NewTask::new(TaskId::new(store.now(), random), session, "search-files", spec);
            let request =
                ClaimRequest::only(host.clone(), vec!["search-files".into()], store.create(new).await?.task.id);
            tasks.extend(store.claim(&request).await?.into_iter().map(|claim| claim.task));
        }
        Ok(Self { store, tasks })
    }

    /// All writers update for a while; gives updates per second.
    async fn run(&self, span: Duration) -> Result<f64> {
        let begun = Instant::now();
        let writers: Vec<_> = self
            .tasks
            .iter()
            .cloned()
            .map(|task| {
                let store = self.store.clone();
                tokio::spawn(async move {
                    let mut written = 0_u64;
                    while begun.elapsed() < span {
                        store.update(&task.session_id, &task.id, progress(&task, written)).await?;
                        written += 1;
                    }
                    anyhow::Ok(written)
                })
            })
            .collect();
        let mut written = 0;
        for writer in writers {
            written += writer.await??;
        }
        Ok(per_second(written, begun.elapsed()))
    }
}

fn progress(task: &Task, done: u64) -> TaskUpdate {
    let progress = Progress {
        current: done,
        total: Some(1_000_000),
        unit: Some("files".to_owned()),
        label: Some("host/store/src/lib.rs".to_owned()),
    };
    TaskUpdate { fence: Some(task.fence()), progress: Some(progress), ..TaskUpdate::default() }
}

/// Bare rusqlite on a copy of the schema and the settings, with rows of the same content and size.
struct Bare {
    connection: Connection,
    ids: Vec<(String, String)>,
    record: String,
    versions: Vec<u64>,
}

impl Bare {
    /// Takes a database that the store has filled, and the text of a record as it wrote it.
    fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        for (name, value) in [("synchronous", "FULL"), ("foreign_keys", "ON"), ("wal_autocheckpoint", "4096")] {
            connection.pragma_update(None, name, value)?;
        }
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        let sql = "SELECT t.id, s.id, t.version, t.record FROM tasks t JOIN sessions s ON s.no = t.session";
        let mut rows = Vec::new();
        let mut statement = connection.prepare(sql)?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            rows.push((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?));
        }
        drop(found);
        drop(statement);
        let record = rows.iter().map(|row| &row.3).max_by_key(|record| record.len()).cloned().unwrap_or_default();
        let versions = rows.iter().map(|row| row.2.unsigned_abs()).collect();
        let ids = rows.into_iter().map(|(task, session, ..)| (task, session)).collect();
        Ok(Self { connection, ids, record, versions })
    }

    fn update(&mut self, number: usize) -> Result<()> {
        let (task, session) = &self.ids[number];
        let version = i64::try_from(self.versions[number])?;
        let sql = "UPDATE tasks SET version = ?3, record = ?4 WHERE id = ?1 AND version = ?2";
        let rows = self.connection.prepare_cached(sql)?.execute(params![task, version, version + 1, self.record])?;
        assert_eq!(rows, 1, "the fenced update met its row");
        self.versions[number] += 1;
        let sql = "UPDATE sessions SET last_seq = last_seq + 1 WHERE id = ?1 RETURNING no, last_seq";
        let (no, seq): (i64, i64) =
            self.connection.prepare_cached(sql)?.query_row([session], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let sql = "INSERT INTO events (session, seq, at, task_id, type, changes, body)
                   VALUES (?1, ?2, ?3, ?4, 'task.updated', 'progress', ?5)";
        self.connection.prepare_cached(sql)?.execute(params![no, seq, 1_800_000_000_000_i64, task, self.record])?;
        Ok(())
    }

    /// Updates for a while in transactions of `batch`; gives updates per second.
    fn run(&mut self, batch: usize, span: Duration) -> Result<f64> {
        let begun = Instant::now();
        let mut written = 0_u64;
        while begun.elapsed() < span {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            for _ in 0..batch {
                self.update(usize::try_from(written)? % WRITERS)?;
                written += 1;
            }
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(per_second(written, begun.elapsed()))
    }
}

/// Compares the store with bare rusqlite.
pub(crate) fn measure(runtime: &Runtime, seconds: f64, folder: &Path) -> Result<()> {
    let span = Duration::from_secs_f64(seconds);
    let path = |name: &str| folder.join(name);
    let store = runtime.block_on(Store64::open(&path("store.db")))?;
    runtime.block_on(store.run(span / 4))?;
    let bare = |name: &str| {
        drop(runtime.block_on(Store64::open(&path(name)))?);
        Bare::open(&path(name))
    };
    let (mut batched, mut single) = (bare("batched.db")?, bare("single.db")?);
    // The size of the store's own records, with progress in them.
    let record: String =
        Connection::open(path("store.db"))?.query_row("SELECT record FROM tasks LIMIT 1", [], |row| row.get(0))?;
    batched.record.clone_from(&record);
    single.record.clone_from(&record);

    let (mut stores, mut batches, mut singles, mut sizes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = store.store.commits();
        let rate = runtime.block_on(store.run(span))?;
        let commits = store.store.commits() - before;
        let size = (rate * seconds / commits as f64).round().max(1.0);
        stores.push(rate);
        sizes.push(size);
        batches.push(batched.run(size as usize, span)?);
        singles.push(single.run(1, span)?);
    }
    let sync = sync_time(&path("sync"))?;
    let (store, batched, single, size) = (median(&stores), median(&batches), median(&singles), median(&sizes));
    table::heading(&format!(
        "write: fenced update + event, {WRITERS} writers, records of {} bytes, synchronous=FULL, median of {ROUNDS}",
        record.len()
    ));
    let rate = |rate: f64| format!("{rate:.0} /s");
    table::row("store", &rate(store), &format!("{size:.0} per commit"));
    table::row("(a) bare rusqlite, same batches", &rate(batched), &format!("store = {:.2} x (a)", store / batched));
    table::row(
        "(b) bare rusqlite, one per transaction",
        &rate(single),
        &format!("store = {:.1} x (b)", store / single),
    );
    table::row("(a) / (b): the most batching can give", &format!("{:.1} x", batched / single), "");
    table::row("a write of 4 KiB and fdatasync of this disk", &format!("{sync:.2} ms"), "median of 200");
    Ok(())
}

/// How long the disk takes to have a page, in milliseconds.
fn sync_time(path: &Path) -> Result<f64> {
    let mut file = std::fs::File::create(path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(milliseconds(began.elapsed()));
    }
    Ok(median(&times))
}
