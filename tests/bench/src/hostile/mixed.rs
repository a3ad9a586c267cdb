//! Thousands of runs at random, and whether the process grows with them.
//! Does not look for what is left: `run_mixed` does.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow};
use taskwright_runner::sandbox::Sandbox;
use taskwright_system_tests::hostile::{Data, Mix, run_mixed};

use crate::figures::resident_kib;
use crate::table;

/// A tenth of the runs first, so that what every process takes once is not counted.
pub(crate) async fn measure(data: Data, folder: &Path, sandbox: &Sandbox, runs: u64, seed: u64) -> Result<()> {
    let mut grown = Vec::new();
    for (part, share) in [("warm", runs / 10), ("first", runs * 9 / 20), ("second", runs - runs / 10 - runs * 9 / 20)] {
        let (before, began) = (resident_kib()?, Instant::now());
        let mix = Mix { runs: share, at_once: 16, seed: seed ^ share ^ grown.len() as u64 };
        let folder = folder.join(part);
        let mixed = run_mixed(data, &folder, sandbox, mix).await.map_err(|error| anyhow!("{error}"))?;
        std::fs::remove_dir_all(&folder)?;
        grown.push(resident_kib()? - before);
        let ends = format!("{} succeeded, {} failed, {} canceled", mixed.succeeded, mixed.failed, mixed.canceled);
        let took = began.elapsed().as_secs_f64();
        let left = format!(
            "{took:.0} s; things left or wrong: {}; guests' memory left: {} B; RSS {:+.1} MiB; seed {}",
            mixed.wrong.len(),
            sandbox.memory_in_use(),
            grown.last().copied().unwrap_or_default() / 1024.0,
            mix.seed
        );
        table::row(&format!("{data:?}, {share} runs: {ends}"), "", &left);
        for problem in mixed.wrong.iter().take(20) {
            table::line(&format!("wrong: {problem}"));
        }
    }
    Ok(())
}
