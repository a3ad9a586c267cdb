//! Medians, percentiles, rates and the memory of this process.
//! Does not print.

use std::time::Duration;

use anyhow::{Context, Result};

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The smallest value that so many of a hundred do not exceed.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// How many in a second.
pub(crate) fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

/// In milliseconds.
pub(crate) fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// In microseconds, as text.
pub(crate) fn microseconds(span: f64) -> String {
    format!("{:.1} µs", span * 1e6)
}

/// What this process has of the machine's memory, in KiB.
pub(crate) fn resident_kib() -> Result<f64> {
    status("VmRSS:")
}

/// The most that this process has had of the machine's memory since `reset_peak`, in KiB.
pub(crate) fn peak_kib() -> Result<f64> {
    status("VmHWM:")
}

/// Begins to look for the peak anew. Where the system does not allow that, the peak is that of the whole process.
pub(crate) fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status(name: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("memory can be measured on Linux only")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line in the status")?;
    Ok(line.split_whitespace().next().context("a line without a figure")?.parse()?)
}
