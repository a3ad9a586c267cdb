//! Whether the load stayed as it was: the second half of the minutes against the first.
//! Does not know why.

use super::minute::{Count, Minute};
use crate::table::{heading, line};

/// How many times as much in the second half is called growing.
const GROWING: f64 = 1.5;
/// How much less in the last minute than in the first is called slower.
const SLOWER: f64 = 0.8;

/// The most of the second half by the most of the first.
fn growth(minutes: &[Minute], of: Count) -> (f64, f64) {
    let most = |minutes: &[Minute]| minutes.iter().map(|minute| minute.sum(of)).fold(0.0, f64::max);
    let (first, second) = minutes.split_at(minutes.len() / 2);
    (most(first), most(second))
}

/// Prints it.
pub(crate) fn print(minutes: &[Minute]) {
    let [first, .., last] = minutes else {
        return line("Of one minute nothing can be said: give `--minutes` at least 2, and 10 for a verdict.");
    };
    heading("soak: the verdict");
    line("");
    line("| what | first half, at most | second half, at most | x | |");
    line("|---|---:|---:|---:|---|");
    let all: [(&str, f64, Count); 3] = [
        ("dead rows", 1.0, |table| table.dead),
        ("MB of tables", 1024.0 * 1024.0, |table| table.bytes),
        ("MB of indexes", 1024.0 * 1024.0, |table| table.index_bytes),
    ];
    for (name, unit, of) in all {
        let (before, after) = growth(minutes, of);
        let word = if after > before * GROWING { "**growing**" } else { "bounded" };
        line(&format!("| {name} | {:.0} | {:.0} | {:.2} | {word} |", before / unit, after / unit, after / before));
    }
    let ratio = last.rate / first.rate;
    let word = if ratio < SLOWER { "**slower**" } else { "steady" };
    line("");
    line(&format!(
        "Tasks in a second: {:.0} in the first minute, {:.0} in the last: {ratio:.2} x, {word}.",
        first.rate, last.rate
    ));
}
