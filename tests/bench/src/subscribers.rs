//! What it costs to show one event to one subscriber, where 10, 1,000 and 10,000 follow the same session.
//! Does not measure a network: subscribers are tasks of this process.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use taskwright_registry::{NewTask, SessionId, TaskId, TaskUpdate};
use taskwright_runner::{RunnerConfig, RunnerParts, Session, SessionFiles};
use taskwright_store::{MemoryStore, SqliteOptions, SqliteStore, Store};
use tokio::sync::Barrier;

use crate::figures::microseconds;
use crate::table;

/// How many follow the session.
const CROWDS: [usize; 3] = [10, 1_000, 10_000];

/// Measures both stores.
pub(crate) async fn measure(events: usize, folder: &Path) -> Result<()> {
    table::heading(&format!(
        "subscribers: {events} events of one session, each written when the one before is durable"
    ));
    for name in ["memory", "sqlite"] {
        let mut first = None;
        for crowd in CROWDS {
            let store: Arc<dyn Store> = match name {
                "memory" => Arc::new(MemoryStore::new()),
                _ => {
                    let file = folder.join(format!("subscribers-{crowd}.db"));
                    Arc::new(SqliteStore::open(file, SqliteOptions::default())?)
                }
            };
            let span = follow(store, crowd, events).await?;
            let each = span.as_secs_f64() / (crowd * events) as f64;
            let ratio = each / *first.get_or_insert(each);
            let row = format!("{name}, {crowd} subscribers, for each of {} events shown", crowd * events);
            table::row(&row, &microseconds(each), &format!("{ratio:.2} x that of {} subscribers", CROWDS[0]));
        }
    }
    Ok(())
}

/// How long it takes until everybody has been shown everything.
async fn follow(store: Arc<dyn Store>, crowd: usize, events: usize) -> Result<Duration> {
    let runner = RunnerParts::new(store.clone(), SessionFiles::in_memory()).config(RunnerConfig::default()).runner();
    let id: SessionId = "bench".parse()?;
    let task = NewTask::new(TaskId::new(store.now(), [1; 10]), id.clone(), "probe", json!({}));
    let task = store.create(task).await?.task.id;
    let begin = Arc::new(Barrier::new(crowd + 1));
    let subscribers: Vec<_> =
        (0..crowd).map(|_| tokio::spawn(read(runner.session(id.clone()), begin.clone(), events))).collect();
    begin.wait().await;
    let begun = Instant::now();
    for number in 0..events {
        let detail = Some(Some(number.to_string()));
        store.update(&id, &task, TaskUpdate { state_detail: detail, ..TaskUpdate::default() }).await?;
    }
    for subscriber in subscribers {
        let last = subscriber.await??;
        ensure!(last == events as u64 + 1, "a subscriber has seen {last}");
    }
    Ok(begun.elapsed())
}

/// Reads so many events behind the creation, and gives the number of the last.
async fn read(session: Session, begin: Arc<Barrier>, events: usize) -> Result<u64> {
    let mut stream = session.events(1);
    begin.wait().await;
    for _ in 0..events {
        stream.next().await?;
    }
    Ok(stream.cursor())
}
