//! What one instance takes of the memory, without a runner and a store around it, and how long a stop takes: of one that
//! waits, and of one that spins.
//! Does not compare with anything: the figures are absolute.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use taskwright_sandbox::{Budget, Grants, Instance, Kind, Sandbox, SandboxConfig, StopReason, TaskContext};
use taskwright_test_guests::{RESIDENT, SPIN};
use tokio::sync::mpsc::unbounded_channel;

use crate::figures::{median, milliseconds, percentile, resident_kib};
use crate::nowhere::{Nowhere, task};
use crate::table;

/// An instance whose `start` has begun.
async fn begin(kind: &Arc<Kind>, task: &TaskContext) -> Result<Instance> {
    let (sender, mut bell) = unbounded_channel();
    let host = Arc::new(Nowhere { bell: Some(sender) });
    let instance = kind.instantiate(host, Budget::default(), Grants::default());
    let (started, task) = (instance.clone(), task.clone());
    tokio::spawn(async move { started.start(task).await });
    bell.recv().await.context("the guest reported nothing")?;
    Ok(instance)
}

async fn stop(instance: &Instance) -> f64 {
    let began = Instant::now();
    instance.stop(StopReason::Canceled);
    instance.stopped().await;
    milliseconds(began.elapsed())
}

fn report(what: &str, times: &[f64]) {
    let most = times.iter().copied().fold(0.0, f64::max);
    let rest = format!("p99 {:.2} ms, at most {most:.2} ms", percentile(times, 99));
    table::row(what, &format!("p50 {:.2} ms", median(times)), &rest);
}

/// How long stops take.
pub(crate) async fn measure_stops() -> Result<()> {
    let sandbox = Sandbox::new(SandboxConfig::default())?;
    let (waiting, spinning) = (sandbox.load(RESIDENT).await?, sandbox.load(SPIN).await?);
    let task = task("test-guest", json!({"n": 1}))?;
    let mut times = Vec::new();
    for _ in 0..500 {
        times.push(stop(&begin(&waiting, &task).await?).await);
    }
    report("stop of a guest that waits", &times);
    let mut times = Vec::new();
    for number in 0..100 {
        let instance = begin(&spinning, &task).await?;
        tokio::time::sleep(Duration::from_millis(number % 13)).await;
        times.push(stop(&instance).await);
    }
    report("stop of a guest that spins", &times);
    Ok(())
}

/// What an instance takes of the memory: of the smallest guest, and of the one that `memory` runs in a runner.
pub(crate) async fn measure_memory(name: &str, wasm: &[u8], spec: Value, count: u32) -> Result<()> {
    let sandbox = Sandbox::new(SandboxConfig { max_instances: count + 1, ..SandboxConfig::default() })?;
    let kind = sandbox.load(wasm).await?;
    let task = task("test-guest", spec)?;
    let before = resident_kib()?;
    let mut instances = Vec::new();
    for _ in 0..count {
        instances.push(begin(&kind, &task).await?);
    }
    let each = (resident_kib()? - before) / f64::from(count);
    let linear = instances.first().map_or(0, |instance| instance.usage().memory_peak_bytes) / 1024;
    table::row(name, &format!("{each:.1} KiB"), &format!("{count} alive, linear memory of {linear} KiB each"));
    Ok(())
}
