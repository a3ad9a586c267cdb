//! An honest session beside a hostile one: short tasks, one after the other, each of which must succeed.
//! Does not judge how long they took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use taskwright_runner::Session;
use taskwright_runner::registry::State;
use tokio::task::JoinHandle;

/// What became of the neighbour's tasks.
#[derive(Debug, Default)]
pub(crate) struct Neighbourly {
    /// From creation to end, each.
    pub(crate) took: Vec<Duration>,
    /// Tasks that did not succeed, and how they ended.
    pub(crate) broken: Vec<String>,
}

/// At work until it is told to stop.
pub(crate) struct Neighbour {
    stop: Arc<AtomicBool>,
    work: JoinHandle<Neighbourly>,
}

impl Neighbour {
    /// Begins.
    pub(crate) fn begin(session: Session) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let work = tokio::spawn(async move {
            let mut all = Neighbourly::default();
            // One task at least begins and ends beside the guest, and one after it.
            loop {
                let last = told.load(Ordering::Acquire);
                let began = Instant::now();
                match one(&session).await {
                    Ok(()) => all.took.push(began.elapsed()),
                    Err(problem) => all.broken.push(problem),
                }
                if last || all.broken.len() > 3 {
                    return all;
                }
            }
        });
        Self { stop, work }
    }

    /// Lets it finish.
    pub(crate) async fn stop(self) -> Neighbourly {
        self.stop.store(true, Ordering::Release);
        self.work.await.unwrap_or_else(|error| Neighbourly {
            broken: vec![format!("the neighbour itself broke: {error}")],
            ..Neighbourly::default()
        })
    }
}

async fn one(session: &Session) -> Result<(), String> {
    let steps = json!({"steps": [{"state": "at work"}, {"say": "good day"}, {"post": "hello"}]});
    let created = session.task("walkthrough", steps).create().await.map_err(|error| format!("not created: {error}"))?;
    let done = session.outcome(&created.id).await.map_err(|error| format!("not found: {error}"))?;
    if done.state == State::Succeeded { Ok(()) } else { Err(format!("{}: {:?}", done.state, done.error)) }
}
