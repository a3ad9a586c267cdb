//! Jobs that do nothing through apalis-postgres, as `taskwright-bench -- hosts` runs them: `setup`, `fill`, `trickle` and `work`.
//! Does not measure: whoever starts it does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use apalis::layers::WorkerBuilderExt;
use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PostgresStorage};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::task::JoinSet;

/// Jobs that are fetched at one time, and that are written at one time: "larger batches can improve throughput", say its settings.
const BATCH: usize = 500;
/// Jobs that are at work at one time in one process.
const AT_ONCE: usize = 64;
/// How often it looks without being notified, as in its example of a listener.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often it says what it has begun.
const SAY_EVERY: Duration = Duration::from_millis(100);

/// A job: when it was made, in microseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Job {
    at: u64,
}

type Begun = Arc<Mutex<Vec<u64>>>;

fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

async fn nothing(job: Job, begun: Data<Begun>) -> Result<(), BoxDynError> {
    begun.lock().unwrap_or_else(PoisonError::into_inner).push(now_us().saturating_sub(job.at));
    Ok(())
}

fn say(begun: &Begun) {
    let begun = std::mem::take(&mut *begun.lock().unwrap_or_else(PoisonError::into_inner));
    if !begun.is_empty() {
        let words: Vec<String> = begun.iter().map(u64::to_string).collect();
        println!("started {}", words.join(" "));
    }
}

fn storage(pool: &PgPool) -> PostgresStorage<Job> {
    PostgresStorage::new(pool).with_config(Config::default().queue("nothing").batch_size(BATCH))
}

#[tokio::main]
async fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let mut given = given.iter().map(String::as_str);
    let mut next = |what: &'static str| given.next().with_context(|| format!("expected {what}"));
    let verb = next("a verb")?;
    let pool = PgPool::connect(next("an address")?).await?;
    match verb {
        "setup" => Ok(PostgresStorage::setup(&pool).await?),
        "fill" => fill(&pool, next("a number of jobs")?.parse()?).await,
        "trickle" => trickle(&pool, next("jobs in a second")?.parse()?, next("seconds")?.parse()?).await,
        "work" => work(&pool).await,
        other => bail!("the verb is {other}: expected setup, fill, trickle or work"),
    }
}

async fn fill(pool: &PgPool, jobs: usize) -> Result<()> {
    let mut storage = storage(pool);
    let mut left = jobs;
    while left > 0 {
        let now = left.min(BATCH);
        let batch = std::iter::repeat_with(|| Job { at: now_us() }).take(now).collect();
        storage.push_bulk(batch).await.map_err(|error| anyhow!("{error}"))?;
        left -= now;
    }
    Ok(())
}

async fn trickle(pool: &PgPool, rate: u32, seconds: u32) -> Result<()> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut made = JoinSet::new();
    for _ in 0..rate * seconds {
        pace.tick().await;
        let mut storage = storage(pool);
        made.spawn(async move { storage.push(Job { at: now_us() }).await.map_err(|error| anyhow!("{error}")) });
    }
    while let Some(done) = made.join_next().await {
        done??;
    }
    Ok(())
}

async fn work(pool: &PgPool) -> Result<()> {
    let begun = Begun::default();
    let mut input = BufReader::new(tokio::io::stdin());
    println!("ready");
    input.read_line(&mut String::new()).await?;
    let lazily = Strategy::new().interval(LOOK_EVERY);
    let worker = WorkerBuilder::new(format!("worker-{}", std::process::id()))
        .backend(storage(pool).with_pubsub().poll_with_strategy(lazily))
        .concurrency(AT_ONCE)
        .parallelize(tokio::spawn)
        .data(begun.clone())
        .build(nothing);
    let talk = begun.clone();
    let talking = tokio::spawn(async move {
        let mut pace = tokio::time::interval(SAY_EVERY);
        loop {
            pace.tick().await;
            say(&talk);
        }
    });
    let end = async move {
        input.read_to_end(&mut Vec::new()).await?;
        Ok::<_, std::io::Error>(())
    };
    worker.run_until(end).await.map_err(|error| anyhow!("{error}"))?;
    talking.abort();
    say(&begun);
    Ok(())
}
