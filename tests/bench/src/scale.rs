//! That what is asked often costs the same in a store of 1,000 tasks and of 1,000,000, and with 10 live tasks and 10,000.
//! Does not fail if it does not: a row that grows to more than twice is marked.

mod grown;
mod operation;
mod rows;
mod subject;

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::table;
use grown::{Shape, Stores};

/// Live tasks in the stores that differ in their history.
const LIVE: usize = 10;
/// Tasks that are over in the stores that differ in what is alive.
const OVER: usize = 1_000;
/// The most live tasks.
const MAX_LIVE: usize = 10_000;

/// Measures both stores: with one session that has had everything, with many that have shared it, and with what is alive.
pub(crate) async fn measure(tasks: usize, folder: &Path) -> Result<()> {
    table::line(
        "Stores are filled through their own verbs: create, claim, update, acknowledge. All sizes of a table are open at",
    );
    table::line(
        "once and are asked in turn, one operation at a time; `x` is the largest by the smallest, and ! is more than 2.",
    );
    for kind in [Stores::Memory, Stores::Sqlite] {
        for shape in [Shape::OneSession, Shape::ManySessions] {
            let sizes: Vec<_> = tens(1_000, tasks).map(|tasks| (tasks, LIVE)).collect();
            table::heading(&format!("scale: {kind}, tasks in the store, {shape}; {LIVE} are alive"));
            run(kind, shape, &sizes, folder).await?;
        }
        let sizes: Vec<_> = tens(10, MAX_LIVE.min(tasks)).map(|live| (OVER, live)).collect();
        table::heading(&format!("scale: {kind}, live tasks of one session; {OVER} are over"));
        run(kind, Shape::OneSession, &sizes, folder).await?;
    }
    Ok(())
}

/// From the least to the most by factors of ten.
fn tens(least: usize, most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(least), |size| size.checked_mul(10)).take_while(move |size| *size <= most.max(least))
}

async fn run(stores: Stores, shape: Shape, sizes: &[(usize, usize)], folder: &Path) -> Result<()> {
    let began = Instant::now();
    let folder = tempfile::tempdir_in(folder)?;
    let subjects = grown::grow(stores, shape, sizes, folder.path()).await?;
    let filled = began.elapsed();
    let figures = operation::measure(&subjects).await?;
    let alive = sizes.windows(2).all(|pair| pair[0].0 == pair[1].0);
    let labels: Vec<_> = sizes.iter().map(|(tasks, live)| if alive { *live } else { *tasks }).collect();
    rows::print(&labels, &figures);
    let measured = (began.elapsed() - filled).as_secs_f64();
    table::line(&format!("filled in {:.0} s, measured in {measured:.0} s", filled.as_secs_f64()));
    Ok(())
}
