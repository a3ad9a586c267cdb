//! How late a guest that spins is stopped: after its deadline, after a cancel's grace, after its CPU budget.
//! Does not measure a store on a disk: the times are those of the record, in a store in memory.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use taskwright_registry::{CancelMode, CancelPolicy, State, Task};
use taskwright_runner::{KindSettings, RunnerConfig, RunnerParts, Session, SessionFiles};
use taskwright_sandbox::Budget;
use taskwright_store::MemoryStore;
use taskwright_test_guests as guests;

use crate::figures::{median, percentile};
use crate::table;

/// Stops of each sort; two at one time.
const STOPS: u64 = 100;
const AT_ONCE: u64 = 2;
/// What each guest gets.
const MILLISECONDS: u64 = 150;

#[derive(Debug, Clone, Copy)]
enum Why {
    Deadline,
    Grace,
    Cpu,
}

/// All sorts, for guests that spin in different ways.
pub(crate) async fn measure() -> Result<()> {
    let spinning =
        [("a loop", guests::SPIN), ("host calls", *guests::COUNTS_CLOCKS), ("32 MiB fills", *guests::FILLS_MEMORY)];
    for (name, guest) in spinning {
        for why in [Why::Deadline, Why::Grace, Why::Cpu] {
            let late = stops(guest, why).await?;
            let most = percentile(&late, 100);
            table::row(
                &format!(
                    "{name}: {}",
                    match why {
                        Why::Deadline => "after the task's deadline",
                        Why::Grace => "after a cancel's grace",
                        Why::Cpu => "beyond its CPU budget",
                    }
                ),
                &format!("p50 {:.0} ms", median(&late)),
                &format!("p99 {:.0} ms, at most {most:.0} ms, {} stops", percentile(&late, 99), late.len()),
            );
        }
    }
    Ok(())
}

async fn stops(guest: &'static [u8], why: Why) -> Result<Vec<f64>> {
    let files = SessionFiles::in_memory();
    let runner = RunnerParts::new(Arc::new(MemoryStore::new()), files).config(RunnerConfig::default()).runner();
    let cpu_ms = if matches!(why, Why::Cpu) { MILLISECONDS } else { u64::MAX };
    let settings = KindSettings::default().budget(Budget { cpu_ms, host_calls: u64::MAX - 1, ..Budget::UNLIMITED });
    runner.add_kind(guest, settings).await?;
    runner.serve();
    let lanes = (0..AT_ONCE).map(|lane| {
        let session = runner.session(format!("lane-{lane}").parse().expect("a session id"));
        tokio::spawn(async move {
            let mut late = Vec::new();
            for _ in 0..STOPS / AT_ONCE {
                late.push(one(&session, why).await?);
            }
            anyhow::Ok(late)
        })
    });
    let mut late = Vec::new();
    for lane in lanes.collect::<Vec<_>>() {
        late.extend(lane.await??);
    }
    runner.drain().await;
    Ok(late)
}

/// One stop; how late it was, in milliseconds.
async fn one(session: &Session, why: Why) -> Result<f64> {
    let policy = CancelPolicy { mode: CancelMode::Cooperative, grace_ms: MILLISECONDS };
    let request = session.task("test-guest", json!({})).cancel_policy(policy);
    let request = match why {
        Why::Deadline => request.deadline_in(Duration::from_millis(MILLISECONDS)),
        Why::Grace | Why::Cpu => request,
    };
    let task = request.create().await?;
    if matches!(why, Why::Grace) {
        let begun = |task: &Task| task.started_at.is_some();
        session.wait_until(&task.id, None, begun).await?;
        session.cancel(&task.id, None).await?;
    }
    let task = session.outcome(&task.id).await?;
    ensure!(task.state != State::Succeeded, "it cannot succeed");
    let over = task.finished_at.context("it has no end")?;
    let due = match why {
        Why::Deadline => task.deadline.context("no deadline")?,
        Why::Grace => task.cancel_forced_at().context("no grace")?,
        Why::Cpu => return Ok(task.usage.cpu_ms.saturating_sub(MILLISECONDS) as f64),
    };
    Ok((over - due).num_milliseconds() as f64)
}
