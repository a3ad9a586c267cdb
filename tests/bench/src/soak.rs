//! Full load on one PostgreSQL for minutes: tasks are created, run, finished and forgotten all the time, and vacuum has to keep up.
//! Does not fail if it does not: it prints a verdict.

mod load;
mod minute;
mod verdict;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::hosts::{Contender, Database, Worker, server};
use crate::table::{heading, line};
use load::Load;
use minute::Minute;

/// Processes that run the tasks.
const HOSTS: usize = 2;
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Loads a server of its own for so many minutes.
pub(crate) async fn measure(minutes: u32, folder: &Path) -> Result<()> {
    let server = server(folder)?;
    let database = Database::create(&server, "soak").await?;
    Contender::Native.run("setup", &[&database.address]).await?;
    let mut workers = Vec::new();
    for _ in 0..HOSTS {
        let mut worker = Worker::start(Contender::Native.command("work", &[&database.address])?).await?;
        worker.go().await?;
        workers.push(worker);
    }
    heading(&format!(
        "soak: {minutes} minutes, {HOSTS} hosts, tasks forgotten {} s after their end, autovacuum as PostgreSQL has it",
        load::KEEP.as_secs()
    ));
    line("");
    minute::columns();
    let mut load = Load::begin(&database.address, workers).await?;
    let mut all: Vec<Minute> = Vec::new();
    let mut pace = tokio::time::interval(LOOK_EVERY);
    pace.tick().await;
    for _ in 0..minutes {
        pace.tick().await;
        let minute = Minute::look(&database, load.done(), all.last()).await?;
        minute.print(all.first());
        all.push(minute);
    }
    load.end().await?;
    if let Some(last) = all.last() {
        last.print_tables(all.first());
    }
    verdict::print(&all);
    database.remove().await
}
