//! What a task takes of the host's memory: as an instance alone, resident in a runner, hibernating.
//! Does not measure two of them in one process: what the first has freed would hide what the second takes.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde_json::{Value, json};
use taskwright_registry::{Phase, Task};
use taskwright_runner::{KindSettings, Runner, RunnerConfig};
use taskwright_sandbox::SandboxConfig;
use taskwright_store::{SqliteOptions, SqliteStore};

use crate::figures::{per_second, resident_kib};
use crate::{Options, instance, table};

/// Creators at one time.
const LANES: u32 = 64;
/// Tasks that are there before the memory is looked at, so that what every process needs once is not counted.
const WARM: u32 = 64;

/// What is measured in a process of its own.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Part {
    SmallInstance,
    Instance,
    Resident,
    Hibernating,
}

/// Measures all parts, each in a process of its own.
pub(crate) fn measure_apart(options: &Options, dir: &Path) -> Result<()> {
    table::heading("memory: growth of the process's RSS for each task");
    for part in Part::value_variants() {
        let Some(name) = part.to_possible_value() else { continue };
        let status = Command::new(std::env::current_exe()?)
            .args(["memory", "--part", name.get_name()])
            .args(["--resident", &options.resident.to_string()])
            .args(["--hibernating", &options.hibernating.to_string()])
            .arg("--dir")
            .arg(dir)
            .status()?;
        ensure!(status.success(), "the part `{}` failed", name.get_name());
    }
    Ok(())
}

/// Measures one part in this process.
pub(crate) async fn measure(part: Part, options: &Options, folder: &Path) -> Result<()> {
    match part {
        Part::SmallInstance => {
            let (name, spec) = ("instance alone, smallest guest", json!({"n": 1}));
            instance::measure_memory(name, taskwright_test_guests::RESIDENT, spec, options.resident).await
        }
        Part::Instance => {
            let name = "instance alone, walkthrough";
            instance::measure_memory(name, taskwright_components::WALKTHROUGH, stay(), options.resident).await
        }
        Part::Resident => {
            let there = |task: &Task| task.state_detail.as_deref() == Some("here");
            tasks("resident task, walkthrough", options.resident, options.resident + WARM, folder, stay(), there).await
        }
        Part::Hibernating => {
            let spec = json!({"steps": [{"wait": true}]});
            let there = |task: &Task| task.dispatch.phase == Phase::Hibernating;
            tasks("hibernating task, walkthrough", options.hibernating, LANES, folder, spec, there).await
        }
    }
}

/// Says that it is there, and stays.
fn stay() -> Value {
    json!({"steps": [{"state": "here"}, {"stay": true}]})
}

async fn tasks(name: &str, count: u32, slots: u32, folder: &Path, spec: Value, there: fn(&Task) -> bool) -> Result<()> {
    let path = folder.join("memory.db");
    let store = SqliteStore::open(&path, SqliteOptions::default())?;
    let sandbox = SandboxConfig { max_instances: slots.max(2_000), ..SandboxConfig::default() };
    let config = RunnerConfig { slots: slots as usize, sandbox, ..RunnerConfig::default() };
    let runner = Runner::open(store, folder.join("files"), config)?;
    runner.add_kind(taskwright_components::WALKTHROUGH, KindSettings::default()).await?;
    runner.serve();
    create(&runner, WARM, &spec, there).await?;
    let before = settled().await?;
    let began = Instant::now();
    create(&runner, count, &spec, there).await?;
    let (rate, resident) = (per_second(u64::from(count), began.elapsed()), runner.resident());
    let each = (settled().await? - before) / f64::from(count);
    let file = std::fs::metadata(&path)?.len() as f64 / 1024.0 / f64::from(count + WARM);
    let remark = format!("{count} tasks, {resident} instances, {rate:.0} tasks/s, {file:.1} KiB of the database each");
    table::row(name, &format!("{each:.2} KiB"), &remark);
    let began = Instant::now();
    runner.drain().await;
    table::row("  drain of it all", &format!("{:.2} s", began.elapsed().as_secs_f64()), "");
    Ok(())
}

/// The memory once what is under way has come to rest.
async fn settled() -> Result<f64> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    resident_kib()
}

async fn create(runner: &Runner, count: u32, spec: &Value, there: fn(&Task) -> bool) -> Result<()> {
    let next = Arc::new(AtomicU32::new(0));
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let (runner, next, spec) = (runner.clone(), next.clone(), spec.clone());
            tokio::spawn(async move {
                let session = runner.session(format!("session-{lane}").parse()?);
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let task = session.task("walkthrough", spec.clone()).create().await?;
                    let found = session.wait_until(&task.id, None, |task| there(task) || task.state.is_terminal());
                    let task = found.await?.task;
                    ensure!(there(&task), "a task is {}: {:?}", task.state, task.error);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for lane in lanes {
        lane.await??;
    }
    Ok(())
}
