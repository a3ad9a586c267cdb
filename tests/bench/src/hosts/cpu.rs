//! What processes have used of the processors, as Linux counts it.
//! Does not know any process but by its id.

use anyhow::{Context, Result};

/// Ticks of a second: the same on every Linux that Rust knows.
const TICKS: f64 = 100.0;

/// The parent, the time of the process itself, and that of children that have ended and were waited for, in ticks.
fn stat(process: u32) -> Option<(u32, f64, f64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| -> Option<f64> { fields.get(at)?.parse().ok() };
    Some((fields.get(1)?.parse().ok()?, ticks(11)? + ticks(12)?, ticks(13)? + ticks(14)?))
}

/// Seconds of a process, without its children.
pub(crate) fn of_process(process: u32) -> Result<f64> {
    let (_, own, _) = stat(process).context("the process is gone")?;
    Ok(own / TICKS)
}

/// Seconds of a process and all that it has started, also of what has ended.
pub(crate) fn of_family(process: u32) -> Result<f64> {
    let (_, own, ended) = stat(process).context("the process is gone")?;
    let mut ticks = own + ended;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some((parent, own, ended)) = stat(child)
            && parent == process
        {
            ticks += own + ended;
        }
    }
    Ok(ticks / TICKS)
}
