//! Hosts with nothing to do, and then with a little of it: what they ask of the server, and how soon a job begins.
//! Does not load them.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use taskwright_test_postgres::Server;

use super::contender::Contender;
use super::counters::Counters;
use super::database::Database;
use super::worker::Worker;

/// What hosts have to do when they begin.
const SETTLE: Duration = Duration::from_secs(6);
/// Jobs that are begun before any is measured.
const FIRST: usize = 20;
/// How long the last jobs may take to begin.
const LAST: Duration = Duration::from_secs(15);

/// How calm it is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Seconds without a job.
    pub(crate) idle_seconds: u32,
    /// Jobs in each second after that.
    pub(crate) rate: u32,
    /// Seconds of them.
    pub(crate) seconds: u32,
}

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Calm {
    /// Statements in a second of all hosts together while there was nothing to do.
    pub(crate) idle_statements: f64,
    /// Bytes of the log in a second, then.
    pub(crate) idle_wal: f64,
    /// From the call that makes a job to the beginning of its work, in milliseconds.
    pub(crate) to_start: Vec<f64>,
}

/// Looks at so many hosts.
pub(crate) async fn measure(server: &Server, who: Contender, hosts: usize, pace: Pace) -> Result<Calm> {
    let database = Database::create(server, &format!("calm_{}", who.word())).await?;
    who.run("setup", &[&database.address]).await?;
    let mut workers = Vec::new();
    for _ in 0..hosts {
        let mut worker = Worker::start(who.command("work", &[&database.address])?).await?;
        worker.go().await?;
        workers.push(worker);
    }
    tokio::time::sleep(SETTLE).await;
    let idle = Duration::from_secs(pace.idle_seconds.into());
    let before = Counters::look(server, &database).await?;
    tokio::time::sleep(idle).await;
    let counted = Counters::look(server, &database).await?.since(&before);
    // The first few compile, connect and cache.
    let mut seen = Vec::new();
    who.run("trickle", &[&database.address, &FIRST.to_string(), "1"]).await?;
    begun(&database, who, &mut workers, FIRST, &mut seen).await?;
    let jobs = (pace.rate * pace.seconds) as usize;
    let given = [&*database.address, &pace.rate.to_string(), &pace.seconds.to_string()];
    who.run("trickle", &given).await?;
    begun(&database, who, &mut workers, FIRST + jobs, &mut seen).await?;
    for worker in workers {
        worker.stop().await?;
    }
    database.remove().await?;
    let seconds = idle.as_secs_f64();
    Ok(Calm {
        // One was asked by this process, for the tables' counters.
        idle_statements: (counted.statements - 1.0) / seconds,
        idle_wal: counted.wal_bytes / seconds,
        to_start: seen.split_off(FIRST),
    })
}

/// Waits until so many jobs have begun in all.
async fn begun(
    database: &Database,
    who: Contender,
    workers: &mut [Worker],
    jobs: usize,
    seen: &mut Vec<f64>,
) -> Result<()> {
    let until = Instant::now() + LAST;
    loop {
        if who.tells() {
            seen.extend(workers.iter_mut().flat_map(Worker::begun).map(|us| us as f64 / 1e3));
        } else {
            *seen = recorded(database).await?;
        }
        if seen.len() >= jobs {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("{}: {} of {jobs} jobs were begun", who.title(), seen.len());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// From the call to when the record says that the task was begun: a component has nobody to tell.
async fn recorded(database: &Database) -> Result<Vec<f64>> {
    let sql = "SELECT (extract(epoch FROM (t.record::json->>'started_at')::timestamptz) * 1e3
                   - (s.spec::json->>'at')::float8 / 1e3)::float8
               FROM taskwright.tasks t JOIN taskwright.specs s ON s.task = t.no
               WHERE t.record::json->>'started_at' IS NOT NULL ORDER BY t.no";
    Ok(database.client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}
