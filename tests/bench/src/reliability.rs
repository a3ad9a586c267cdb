//! What dying costs: from a kill to the work going on elsewhere, from a signal to the exit, and what it costs to be known to
//! be alive. Processes are real, and are killed for real.
//! Does not assert: the tests do.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use serde_json::json;
use taskwright_registry::{Description, Failure, LeaseLength, Phase, Reattach};
use taskwright_runner::sandbox::{AttemptHost, Step, TaskContext};
use taskwright_runner::{NativeExecutor, NativeKind, Runner, RunnerConfig, RunnerParts, SessionFiles, async_trait};
use taskwright_store::{SqliteOptions, SqliteStore, Store, StoreError};

use crate::figures::{median, milliseconds, percentile};
use crate::table;

/// Pairs of a process that dies and one that goes on, at one time: waiting costs nothing.
const PAIRS: usize = 20;
/// Tasks that each of them holds.
const TASKS: usize = 5;
/// Runs of a drain.
const DRAINS: usize = 10;
/// Live tasks whose host renews its lease.
const LIVE: usize = 10_000;
/// How long the cost of that is looked at.
const WINDOW: Duration = Duration::from_secs(30);

/// A kind that waits, and writes a checkpoint every so often if it is told to.
struct Waits;

struct Waiting(Arc<dyn AttemptHost>);

impl NativeKind for Waits {
    fn description(&self) -> Description {
        Description {
            kind: "waits".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "Waits.".to_owned(),
            spec_schema: json!({}),
            reattach: Reattach::Always,
            takes_messages: true,
            wants: Vec::new(),
        }
    }

    fn executor(&self, host: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        Box::new(Waiting(host))
    }
}

#[async_trait]
impl NativeExecutor for Waiting {
    async fn start(&self, task: TaskContext) -> Result<Step, Failure> {
        let Some(every) = task.task.spec["checkpoint_ms"].as_u64() else { return std::future::pending().await };
        loop {
            tokio::time::sleep(Duration::from_millis(every)).await;
            self.0.checkpoint(b"so far".to_vec()).await?;
        }
    }
}

/// A runner as every process here has it.
fn runner(store: Arc<dyn Store>, dir: &Path, lease: Duration) -> Result<Runner> {
    let config = RunnerConfig {
        lease: LeaseLength::new(lease)?,
        slots: 2 * LIVE,
        drain_grace: Duration::from_secs(1),
        ..RunnerConfig::default()
    };
    let runner = RunnerParts::new(store, SessionFiles::folder(dir.join("files"))?).config(config).runner();
    runner.add_native_kind(Waits)?;
    Ok(runner)
}

fn open(dir: &Path) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(SqliteStore::open(dir.join("registry.db"), SqliteOptions::default())?))
}

/// What the killed and the stopped process is: serves until it is told to stop.
pub(crate) async fn serve(dir: &Path, lease: Duration) -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let runner = runner(open(dir)?, dir, lease)?;
    runner.serve();
    terminate.recv().await;
    runner.drain().await;
    Ok(())
}

fn start(dir: &Path, lease: Duration) -> Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--serve").arg(dir).arg("--lease-ms").arg(lease.as_millis().to_string());
    Ok(command.stdin(Stdio::null()).spawn()?)
}

/// Measures all three.
pub(crate) async fn measure(folder: &Path) -> Result<()> {
    table::heading("reliability: kill -9 to running elsewhere");
    for seconds in [2, 10, 30] {
        killed(folder, Duration::from_secs(seconds)).await?;
    }
    table::heading("reliability: SIGTERM to exit");
    drained(folder, "nothing at work", 0, None).await?;
    drained(folder, "100 tasks, a checkpoint every 50 ms", 100, Some(50)).await?;
    drained(folder, "100 tasks that never write one (grace 1 s)", 100, None).await?;
    table::heading(&format!("reliability: being alive, per second, over {WINDOW:?}"));
    let none = alive(&folder.join("alive-0"), 0).await?;
    let many = alive(&folder.join("alive-many"), LIVE).await?;
    let row = |name: &str, of: fn(&Alive) -> f64, unit: &str| {
        let (none, many) = (of(&none), of(&many));
        table::row(name, &format!("{many:.2} {unit}"), &format!("with no live task {none:.2}: {:.2} x", many / none));
    };
    row(&format!("calls to the store, {LIVE} live tasks"), |alive| alive.calls, "");
    row("of them writes", |alive| alive.writes, "");
    row("bytes written", |alive| alive.bytes, "B");
    Ok(())
}

/// From the kill of a process to its tasks running in another, in milliseconds.
async fn killed(folder: &Path, lease: Duration) -> Result<()> {
    let pairs = (0..PAIRS).map(|number| {
        let dir = folder.join(format!("killed-{}-{number}", lease.as_secs()));
        tokio::spawn(async move { one_kill(&dir, lease).await })
    });
    let mut took = Vec::new();
    for pair in pairs.collect::<Vec<_>>() {
        took.extend(pair.await??);
    }
    let (p50, p99, lease_ms) = (median(&took), percentile(&took, 99), milliseconds(lease));
    let text = format!("p50 {:.2} s, p99 {:.2} s", p50 / 1e3, p99 / 1e3);
    let remark = format!(
        "{:.2} x and {:.2} x the lease; the most is {:.2} s over it",
        p50 / lease_ms,
        p99 / lease_ms,
        (percentile(&took, 100) - lease_ms) / 1e3
    );
    table::row(&format!("lease {} s ({} tasks of {PAIRS} processes)", lease.as_secs(), took.len()), &text, &remark);
    Ok(())
}

async fn one_kill(dir: &PathBuf, lease: Duration) -> Result<Vec<f64>> {
    std::fs::create_dir_all(dir)?;
    let store = open(dir)?;
    let heir = runner(store.clone(), dir, lease)?;
    let session = heir.session("bench".parse()?);
    let mut victim = start(dir, lease)?;
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        tasks.push(session.task("waits", json!({})).create().await?.id);
    }
    for id in &tasks {
        session.wait_until(id, None, |task| task.dispatch.phase == Phase::Resident).await?;
    }
    heir.serve();
    // At any moment between two renewals.
    let moment = rand::rng().random_range(Duration::ZERO..lease);
    tokio::time::sleep(moment).await;
    victim.kill()?;
    let dead = Instant::now();
    victim.wait()?;
    let mut took = Vec::new();
    for id in &tasks {
        let again = |task: &taskwright_registry::Task| task.crashes == 1 && task.dispatch.phase == Phase::Resident;
        session.wait_until(id, None, again).await?;
        took.push(milliseconds(dead.elapsed()));
    }
    heir.drain().await;
    Ok(took)
}

/// From SIGTERM to the end of the process, in milliseconds.
async fn drained(folder: &Path, name: &str, count: usize, checkpoint_ms: Option<u64>) -> Result<()> {
    let mut took = Vec::new();
    for number in 0..DRAINS {
        let dir = folder.join(format!("drained-{count}-{}-{number}", checkpoint_ms.unwrap_or(0)));
        std::fs::create_dir_all(&dir)?;
        let user = runner(open(&dir)?, &dir, Duration::from_secs(10))?;
        let session = user.session("bench".parse()?);
        let mut child = start(&dir, Duration::from_secs(10))?;
        let mut tasks = Vec::new();
        for _ in 0..count {
            tasks.push(session.task("waits", json!({"checkpoint_ms": checkpoint_ms})).create().await?.id);
        }
        for id in &tasks {
            session.wait_until(id, None, |task| task.dispatch.phase == Phase::Resident).await?;
        }
        while user.hosts().await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let pid = child.id().to_string();
        let told = Instant::now();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "no signal was sent");
        let status = tokio::task::spawn_blocking(move || child.wait()).await??;
        took.push(milliseconds(told.elapsed()));
        ensure!(status.success(), "the process did not exit with 0 but with {status}");
        for id in &tasks {
            let task = session.get(id).await?;
            ensure!(task.attempt == 1 && task.dispatch.phase == Phase::Ready, "an attempt was burnt: {task:?}");
        }
    }
    let text = format!("p50 {:.0} ms, p99 {:.0} ms", median(&took), percentile(&took, 99));
    table::row(name, &text, &format!("{DRAINS} runs; every task was given back within its attempt"));
    Ok(())
}

/// A store whose calls are counted.
struct Counted {
    inner: Arc<dyn Store>,
    calls: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
}

impl Counted {
    async fn through<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let reads = ["get", "list", "lapsed", "next_due", "hosts", "unread", "finished", "claim", "events", "wakes"];
        // A claim that finds nothing writes nothing.
        self.writes.fetch_add(u64::from(!reads.contains(&verb)), Ordering::Relaxed);
        call.await
    }
}

taskwright_runner::store::store_through!(Counted);

/// What it costs to be known to be alive, per second.
struct Alive {
    calls: f64,
    writes: f64,
    bytes: f64,
}

async fn alive(dir: &Path, count: usize) -> Result<Alive> {
    std::fs::create_dir_all(dir)?;
    let (calls, writes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counted = Counted { inner: open(dir)?, calls: calls.clone(), writes: writes.clone() };
    let host = runner(Arc::new(counted), dir, Duration::from_secs(10))?;
    let session = host.session("bench".parse()?);
    let mut last = None;
    for number in 0..count {
        last = Some(session.task("waits", json!({"n": number})).create().await?.id);
    }
    host.serve();
    if let Some(last) = last {
        session.wait_until(&last, None, |task| task.dispatch.phase == Phase::Resident).await?;
        while host.resident() < count {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // What the start has left to do.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (calls_before, writes_before, bytes_before) =
        (calls.load(Ordering::Relaxed), writes.load(Ordering::Relaxed), written()?);
    tokio::time::sleep(WINDOW).await;
    let per_second = |count: u64| count as f64 / WINDOW.as_secs_f64();
    let gone = Alive {
        calls: per_second(calls.load(Ordering::Relaxed) - calls_before),
        writes: per_second(writes.load(Ordering::Relaxed) - writes_before),
        bytes: per_second(written()? - bytes_before),
    };
    ensure!(host.resident() >= count, "not all tasks are alive any more");
    if count == 0 {
        // It would go on writing while the next one is measured.
        host.drain().await;
    } else {
        // Ten thousand tasks are not worth a drain.
        std::mem::forget(host);
    }
    Ok(gone)
}

/// Bytes that this process has handed to the operating system to write, ever.
fn written() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io").context("this can be measured on Linux only")?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).context("no wchar")?;
    Ok(line.parse()?)
}
