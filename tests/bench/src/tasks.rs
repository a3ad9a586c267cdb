//! Short tasks from their creation to their end, through the runner, 64 at a time; and each piece of them alone.
//! Does not judge which piece is too slow.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use taskwright_registry::State;
use taskwright_runner::{KindSettings, Runner, RunnerConfig, Session};
use taskwright_store::{MemoryStore, SqliteOptions, SqliteStore, Store};

use crate::figures::{median, milliseconds, per_second, percentile};
use crate::pieces;
use crate::table;

/// Tasks at one time.
pub(crate) const AT_ONCE: usize = 64;

/// What each task does: report a state, write a checkpoint, succeed with a result.
pub(crate) fn spec() -> Value {
    json!({"steps": [{"state": "working"}]})
}

/// What a run gave, in milliseconds where it is a time.
struct Run {
    rate: f64,
    to_create: Vec<f64>,
    to_start: Vec<f64>,
    to_end: Vec<f64>,
}

/// Measures the whole and the pieces.
pub(crate) async fn measure(count: usize, folder: &Path) -> Result<()> {
    let sqlite = SqliteStore::open(folder.join("tasks.db"), SqliteOptions::default())?;
    let durable = through_runner(Arc::new(sqlite), &folder.join("files"), count).await?;
    let without_files = match tempfile::tempdir_in("/dev/shm") {
        Ok(shared) => {
            let sqlite = SqliteStore::open(folder.join("tasks-alone.db"), SqliteOptions::default())?;
            Some(through_runner(Arc::new(sqlite), shared.path(), count).await?)
        }
        Err(_) => None,
    };
    let memory = through_runner(Arc::new(MemoryStore::new()), &folder.join("files-memory"), count).await?;
    let all_writes = pieces::store(count, &folder.join("all-writes.db"), true).await?;
    let three_writes = pieces::store(count, &folder.join("three-writes.db"), false).await?;
    let sandbox = pieces::sandbox(count).await?;
    let check = pieces::check(count).await?;
    let files = pieces::files(count, &folder.join("files-alone")).await?;

    table::heading(&format!("e2e: {count} short tasks, created to succeeded, {AT_ONCE} at a time"));
    let row = |name: &str, rate: f64, remark: &str| {
        let remark = format!("{:.2} ms each  {remark}", 1e3 / rate);
        table::row(name, &format!("{rate:.0} tasks/s"), &remark);
    };
    row("the whole, all durable in SQLite", durable.rate, "");
    if let Some(run) = &without_files {
        row("the whole, result files not on the disk", run.rate, &format!("{:.2} x", run.rate / durable.rate));
    }
    row("the whole, store in memory", memory.rate, &format!("{:.2} x", memory.rate / durable.rate));
    row("three writes alone: create, claim, end", three_writes, "the raw limit");
    row("all five writes alone", all_writes, "with state and checkpoint");
    row("instance alone", sandbox, "nothing is stored");
    row("check of the specification alone", check, "on one core");
    row("copy of the result as a file alone", files, "synced, folder included");
    for (name, times) in [
        ("create until it is durable", &durable.to_create),
        ("accepted to started", &durable.to_start),
        ("accepted to started, store in memory", &memory.to_start),
        ("create to end, as the caller sees it", &durable.to_end),
        ("create to end, store in memory", &memory.to_end),
    ] {
        table::row(name, &format!("p50 {:.1} ms", median(times)), &format!("p99 {:.1} ms", percentile(times, 99)));
    }
    Ok(())
}

async fn through_runner(store: Arc<dyn Store>, files: &Path, count: usize) -> Result<Run> {
    let runner = Runner::open_shared(store, files, RunnerConfig { slots: AT_ONCE, ..RunnerConfig::default() })?;
    runner.add_kind(taskwright_components::WALKTHROUGH, KindSettings::default()).await?;
    runner.serve();
    let session = runner.session("bench".parse()?);
    lanes(&session, AT_ONCE * 2).await?;
    let run = lanes(&session, count).await?;
    runner.drain().await;
    Ok(run)
}

async fn lanes(session: &Session, count: usize) -> Result<Run> {
    let begun = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let lanes: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (session, next) = (session.clone(), next.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    times.push(one(&session).await?);
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut run = Run { rate: 0.0, to_create: Vec::new(), to_start: Vec::new(), to_end: Vec::new() };
    for lane in lanes {
        for (to_create, to_start, to_end) in lane.await?? {
            run.to_create.push(to_create);
            run.to_start.push(to_start);
            run.to_end.push(to_end);
        }
    }
    run.rate = per_second(count as u64, begun.elapsed());
    Ok(run)
}

/// One task: how long it took to create, to start once it was accepted, and to be over.
async fn one(session: &Session) -> Result<(f64, f64, f64)> {
    let began = Instant::now();
    let task = session.task("walkthrough", spec()).create().await?;
    let to_create = milliseconds(began.elapsed());
    let task = session.outcome(&task.id).await?;
    let to_end = milliseconds(began.elapsed());
    ensure!(task.state == State::Succeeded, "a task is {}: {:?}", task.state, task.error);
    let to_start = (task.started_at.context("it never started")? - task.created_at).num_milliseconds();
    Ok((to_create, to_start as f64, to_end))
}
