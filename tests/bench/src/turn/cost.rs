//! What the budget costs a guest that does honest work: the sandbox with all its limits against bare wasmtime with none, not even
//! the epochs by which a guest that computes is interrupted.
//! Does not measure what is around an instance: a turn is long here, so that its making counts little.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use taskwright_sandbox::{Budget, Grants, Sandbox, SandboxConfig, Step, StopReason};
use taskwright_test_guests::WORKS;

use super::{bare, of_wasmtime};
use crate::figures::{median, microseconds};
use crate::nowhere::{Nowhere, task};
use crate::table;

/// Rounds of one run each, interleaved; those before them warm the caches.
const ROUNDS: u32 = 60;
const BEFORE: u32 = 10;

/// Measures work over blocks, as most is, and the tightest loop there is, as hardly any is.
pub(crate) async fn measure() -> Result<()> {
    table::heading("budget: honest work with a report every half millisecond or more, with all limits and with none");
    let sandbox = Sandbox::new(SandboxConfig::default())?;
    let mine = sandbox.load(WORKS).await?;
    let (with, without) = (bare::kind_of(WORKS, true), bare::kind_of(WORKS, false));
    let (with, without) = (with.map_err(of_wasmtime)?, without.map_err(of_wasmtime)?);
    for (name, spec) in [("blocks", "\"blocks\""), ("one by one", "\"tight\"")] {
        let task = task("test-guest", serde_json::from_str(spec)?)?;
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..ROUNDS + BEFORE {
            let began = Instant::now();
            let instance = mine.instantiate(Arc::new(Nowhere::default()), Budget::default(), Grants::default());
            let step = instance.start(task.clone()).await?;
            instance.stop(StopReason::Done);
            instance.stopped().await;
            let ours = began.elapsed();
            ensure!(matches!(step, Step::Succeeded { .. }), "honest work ended with {step:?}");
            let began = Instant::now();
            bare::turn(&with, spec).await.map_err(of_wasmtime)?;
            let interrupted = began.elapsed();
            let began = Instant::now();
            bare::turn(&without, spec).await.map_err(of_wasmtime)?;
            if round >= BEFORE {
                for (times, time) in times.iter_mut().zip([ours, interrupted, began.elapsed()]) {
                    times.push(time.as_secs_f64());
                }
            }
        }
        let [ours, interrupted, bare] = times.map(|times| median(&times));
        let without = |time: f64| format!("{:.3} x without", time / bare);
        table::row(&format!("{name}: sandbox, every limit"), &microseconds(ours), &without(ours));
        table::row(&format!("{name}: bare wasmtime, epochs alone"), &microseconds(interrupted), &without(interrupted));
        table::row(&format!("{name}: bare wasmtime, no limit"), &microseconds(bare), "");
    }
    Ok(())
}
