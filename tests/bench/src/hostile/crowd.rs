//! A thousand guests that spin beside a hundred honest tasks at one time: what the honest ones notice.
//! Does not store anything on a disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use taskwright_registry::{CancelMode, CancelPolicy, Phase, State, Task};
use taskwright_runner::{KindSettings, Runner, RunnerConfig, RunnerParts, SessionFiles};
use taskwright_sandbox::{Budget, SandboxConfig};
use taskwright_store::MemoryStore;

use crate::figures::{median, milliseconds, percentile};
use crate::table;

const SPINNING: usize = 1_000;
const HONEST: usize = 100;
/// How long the honest ones go on, each with one task after the other.
const WINDOW: Duration = Duration::from_secs(10);

/// Measures the honest ones alone, and then beside the others.
pub(crate) async fn measure() -> Result<()> {
    let sandbox = SandboxConfig { max_instances: 2_000, ..SandboxConfig::default() };
    let config = RunnerConfig { slots: 1_500, session_slots: Some(1_100), sandbox, ..RunnerConfig::default() };
    let runner = RunnerParts::new(Arc::new(MemoryStore::new()), SessionFiles::in_memory()).config(config).runner();
    let forever = Budget { cpu_ms: u64::MAX - 1, ..Budget::UNLIMITED };
    runner.add_kind(taskwright_test_guests::SPIN, KindSettings::default().budget(forever)).await?;
    runner.add_kind(taskwright_components::WALKTHROUGH, KindSettings::default()).await?;
    runner.serve();
    honest(&runner, Duration::from_secs(2)).await?;
    let alone = honest(&runner, WINDOW).await?;
    let hostile = runner.session("spinning".parse()?);
    let mut spinning = Vec::new();
    for _ in 0..SPINNING {
        let abort = CancelPolicy { mode: CancelMode::Abort, grace_ms: 0 };
        spinning.push(hostile.task("test-guest", json!({})).cancel_policy(abort).create().await?.id);
    }
    for id in &spinning {
        hostile.wait_until(id, None, |task: &Task| task.dispatch.phase == Phase::Resident).await?;
    }
    let beside = honest(&runner, WINDOW).await?;
    for id in &spinning {
        let task = hostile.get(id).await?;
        ensure!(task.state == State::Running, "{id} was to spin and is {}: {:?}", task.state, task.error);
    }
    let (resident, began) = (runner.resident(), Instant::now());
    for id in &spinning {
        hostile.cancel(id, None).await?;
    }
    for id in &spinning {
        hostile.outcome(id).await?;
    }
    let stopped = began.elapsed();
    runner.drain().await;
    for (name, times) in [("100 honest alone", &alone), ("beside 1,000 that spin", &beside)] {
        let (p50, p99) = (median(times), percentile(times, 99));
        table::row(name, &format!("p99 {p99:.0} ms"), &format!("p50 {p50:.0} ms, {} tasks in {WINDOW:?}", times.len()));
    }
    let ratio = percentile(&beside, 99) / percentile(&alone, 99);
    table::row(
        "the honest p99 against an idle host",
        &format!("{ratio:.2} x"),
        &format!("{resident} instances at the end"),
    );
    table::row(
        "all 1,000 stopped within",
        &format!("{:.2} s", stopped.as_secs_f64()),
        "from the first cancel to the last end",
    );
    Ok(())
}

async fn honest(runner: &Runner, window: Duration) -> Result<Vec<f64>> {
    let until = Instant::now() + window;
    let lanes = (0..HONEST).map(|lane| {
        let session = runner.session(format!("honest-{lane}").parse().expect("a session id"));
        tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                let spec = json!({"steps": [{"state": "working"}, {"say": "hello"}]});
                let task = session.task("walkthrough", spec).create().await?;
                let task = session.outcome(&task.id).await?;
                ensure!(task.state == State::Succeeded, "an honest task is {}: {:?}", task.state, task.error);
                times.push(milliseconds(began.elapsed()));
                // Honest work waits far more than it computes.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            anyhow::Ok(times)
        })
    });
    let mut times = Vec::new();
    for lane in lanes.collect::<Vec<_>>() {
        times.extend(lane.await??);
    }
    Ok(times)
}
