//! What a turn costs: store, instantiation, `start` with four reports, drop. In the sandbox, and in bare wasmtime with the
//! same guest, the same engine settings and the same WASI; both in one run, in turns.
//! Does not write anything down: the reports go nowhere, so that a store's share is not in the figures.

mod bare;
pub(crate) mod cost;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use taskwright_sandbox::{Budget, Grants, Kind, Sandbox, SandboxConfig, StopReason, TaskContext};
use taskwright_test_guests::HONEST;
use tokio::runtime::{Builder, Runtime};

use crate::figures::{median, microseconds};
use crate::nowhere::{Nowhere, task};
use crate::table;

/// Measured rounds, interleaved; one before them warms the pools.
const ROUNDS: u32 = 20;

/// One turn in the sandbox.
pub(crate) async fn turn(kind: &Arc<Kind>, task: &TaskContext) -> Result<()> {
    let instance = kind.instantiate(Arc::new(Nowhere::default()), Budget::default(), Grants::default());
    instance.start(task.clone()).await?;
    instance.stop(StopReason::Done);
    instance.stopped().await;
    Ok(())
}

/// Makes turns, `at_once` of them at one time; gives the time that one takes of the whole.
pub(crate) async fn run<T: Future<Output = Result<()>> + Send + 'static>(
    turns: u32,
    at_once: u32,
    turn: impl Fn() -> T + Clone + Send + 'static,
) -> Result<Duration> {
    let began = Instant::now();
    let lanes = (0..at_once).map(|_| {
        let turn = turn.clone();
        tokio::spawn(async move {
            for _ in 0..turns / at_once {
                turn().await?;
            }
            anyhow::Ok(())
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await??;
    }
    Ok(began.elapsed() / (turns / at_once * at_once))
}

/// Compares the sandbox with bare wasmtime.
pub(crate) fn measure(turns: u32) -> Result<()> {
    table::heading("turn: store, instantiate, start, four reports, drop; nothing is stored");
    let one = Builder::new_current_thread().enable_all().build()?;
    compare("one at a time, one thread", &one, turns, 1)?;
    let two = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    compare("64 at a time, two threads", &two, turns, 64)
}

/// Bare wasmtime's errors are of a type of their own.
fn of_wasmtime(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}

fn compare(name: &str, runtime: &Runtime, turns: u32, at_once: u32) -> Result<()> {
    let (ours, theirs) = runtime.block_on(async {
        let sandbox = Sandbox::new(SandboxConfig { max_instances: 256, ..SandboxConfig::default() })?;
        let mine = Arc::new((sandbox.load(HONEST).await?, task("test-guest", json!({"n": 1}))?));
        let bare = Arc::new(bare::kind().map_err(of_wasmtime)?);
        let mine = move || {
            let mine = mine.clone();
            async move { turn(&mine.0, &mine.1).await }
        };
        let bare = move || {
            let bare = bare.clone();
            async move { bare::turn(&bare, "{\"n\":1}").await.map_err(of_wasmtime) }
        };
        let each = (turns / ROUNDS).max(at_once);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (one, other) = (run(each, at_once, mine.clone()).await?, run(each, at_once, bare.clone()).await?);
            if round > 0 {
                ours.push(one.as_secs_f64());
                theirs.push(other.as_secs_f64());
            }
        }
        anyhow::Ok((median(&ours), median(&theirs)))
    })?;
    table::row(&format!("{name}: sandbox"), &microseconds(ours), &format!("{:.2} x bare", ours / theirs));
    table::row(&format!("{name}: bare wasmtime"), &microseconds(theirs), "");
    Ok(())
}
