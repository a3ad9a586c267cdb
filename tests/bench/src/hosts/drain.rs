//! A filled database that is emptied by so many processes at once.
//! Does not judge how fast.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use taskwright_test_postgres::Server;

use super::contender::Contender;
use super::counters::Counters;
use super::database::Database;
use super::statements::{self, Statement};
use super::worker::{Calls, Worker};
use crate::figures::per_second;

/// How often it is looked whether all is done, once all has begun.
const LOOK: Duration = Duration::from_millis(10);
/// How long it may take without anything being begun.
const STUCK: Duration = Duration::from_secs(60);

/// What emptying gave.
#[derive(Debug, Clone)]
pub(crate) struct Drain {
    /// Jobs claimed, started and finished in a second.
    pub(crate) rate: f64,
    /// What the server counted for each of them.
    pub(crate) server: Counters,
    /// Seconds of the processors that the hosts used for each.
    pub(crate) hosts_cpu: f64,
    /// Calls to the store for each, all hosts together.
    pub(crate) calls: Calls,
    /// What the server was asked, for each.
    pub(crate) statements: Vec<Statement>,
}

/// Fills a new database and has it emptied.
pub(crate) async fn measure(server: &Server, who: Contender, hosts: usize, jobs: usize) -> Result<Drain> {
    let database = Database::create(server, &format!("drain_{}", who.word())).await?;
    who.run("setup", &[&database.address]).await?;
    who.run("fill", &[&database.address, &jobs.to_string()]).await?;
    let mut workers = Vec::new();
    for _ in 0..hosts {
        workers.push(Worker::start(who.command("work", &[&database.address])?).await?);
    }
    database.settle().await?;
    statements::reset(&database).await?;
    let before = Counters::look(server, &database).await?;
    let cpu = |workers: &[Worker]| workers.iter().map(Worker::cpu_seconds).sum::<Result<f64>>();
    let cpu_before = cpu(&workers)?;
    let begin = Instant::now();
    for worker in &mut workers {
        worker.go().await?;
    }
    let took = emptied(&database, who, &mut workers, jobs, begin).await?;
    let cpu_used = cpu(&workers)? - cpu_before;
    let mut calls = Calls::new();
    for worker in workers {
        for (verb, count) in worker.stop().await? {
            *calls.entry(verb).or_default() += count;
        }
    }
    database.alone().await?;
    let counted = Counters::look(server, &database).await?.since(&before);
    let statements = statements::look(&database).await?;
    database.remove().await?;
    let each = |count: f64| count / jobs as f64;
    Ok(Drain {
        rate: per_second(jobs as u64, took),
        server: Counters {
            statements: each(counted.statements),
            commits: each(counted.commits),
            wal_bytes: each(counted.wal_bytes),
            wal_syncs: each(counted.wal_syncs),
            cpu_seconds: each(counted.cpu_seconds),
            ..counted
        },
        hosts_cpu: each(cpu_used),
        calls: calls.into_iter().map(|(verb, count)| (verb, each(count))).collect(),
        statements: statements
            .into_iter()
            .map(|Statement { calls, total_ms, text }| Statement { calls: each(calls), total_ms: each(total_ms), text })
            .collect(),
    })
}

/// Waits until all is done.
async fn emptied(
    database: &Database,
    who: Contender,
    workers: &mut [Worker],
    jobs: usize,
    begin: Instant,
) -> Result<Duration> {
    let (mut begun, mut moved) = (0, begin);
    loop {
        let more: usize = workers.iter_mut().map(|worker| worker.begun().len()).sum();
        begun += more;
        if more > 0 {
            moved = Instant::now();
        }
        // Before that there is no reason to make the server count.
        if (begun >= jobs || !who.tells()) && database.row(who.left()).await?.get::<_, i64>(0) == 0 {
            return Ok(begin.elapsed());
        }
        if who.tells() && moved.elapsed() > STUCK {
            bail!("{}: {begun} of {jobs} jobs were begun, and nothing happens", who.title());
        }
        tokio::time::sleep(if who.tells() { LOOK } else { LOOK * 10 }).await;
    }
}
