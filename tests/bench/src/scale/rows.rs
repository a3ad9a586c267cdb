//! The table of a scale: a line for each operation, with the medians and the 99th percentiles of each size.
//! Does not measure.

use crate::figures::{median, percentile};
use crate::scale::operation::Figures;
use crate::table;

/// What may grow to.
const FLAT: f64 = 2.0;
/// In microseconds. What stays below is a few looks into the memory: at that scale the processor's caches grow, not the work.
const CACHES: f64 = 5.0;

/// Prints all rows, in microseconds.
pub(crate) fn print(sizes: &[usize], figures: &[Figures]) {
    let names: String = sizes.iter().map(|size| format!("{size:>9}")).collect();
    let width = 9 * sizes.len();
    table::line(&format!("{:<42}{:<width$}{:>9}    {:<width$}", "µs", "  p50 at", "", "  p99 at"));
    table::line(&format!("{:<42}{names}{:>9}    {names}{:>9}", "", "x", "x"));
    for row in figures {
        let (middle, middle_growth) = columns(&row.times, median);
        let small = row.times.iter().all(|times| median(times) * 1e6 < CACHES);
        let (late, late_growth) = columns(&row.times, |times| percentile(times, 99));
        let few = row.times.iter().map(Vec::len).min().unwrap_or_default();
        let mark = match middle_growth > FLAT {
            true if small => "~",
            true => "!",
            false => " ",
        };
        let samples = if few < row.wanted { format!("  {few} times") } else { String::new() };
        table::line(&format!("{:<42}{middle}{middle_growth:>9.2} {mark}  {late}{late_growth:>9.2}{samples}", row.name));
    }
}

/// A figure for each size, and the last by the first.
fn columns(times: &[Vec<f64>], figure: impl Fn(&[f64]) -> f64) -> (String, f64) {
    let values: Vec<f64> = times.iter().map(|times| figure(times) * 1e6).collect();
    let growth = values.last().zip(values.first()).map_or(f64::NAN, |(last, first)| last / first);
    (
        values
            .iter()
            .map(|value| if *value < 10.0 { format!("{value:>9.1}") } else { format!("{value:>9.0}") })
            .collect(),
        growth,
    )
}
