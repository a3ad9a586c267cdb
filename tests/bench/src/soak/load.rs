//! Keeps a number of tasks waiting, and has forgotten what is over.
//! Does not run them: hosts do, in processes of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::task::{JoinHandle, JoinSet};

use crate::hosts::{Host, Worker};

/// How long what is over is kept.
pub(crate) const KEEP: Duration = Duration::from_secs(60);
/// Tasks that are waited for at most: more than the hosts have places for, so that none of them is ever idle.
const WAITING: u64 = 1_000;
/// Callers that create tasks at one time.
const CREATORS: u64 = 64;
/// Between two looks whether there is room for more, whether more was begun, and whether something is old enough.
const BREATH: Duration = Duration::from_millis(20);

/// What was done so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    pub(crate) created: u64,
    pub(crate) begun: u64,
    pub(crate) forgotten: u64,
}

#[derive(Default)]
struct Counts {
    created: AtomicU64,
    begun: AtomicU64,
    forgotten: AtomicU64,
    over: AtomicBool,
}

impl Counts {
    fn waiting(&self) -> u64 {
        self.created.load(Ordering::Relaxed).saturating_sub(self.begun.load(Ordering::Relaxed))
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// The load, until its end.
pub(crate) struct Load {
    counts: Arc<Counts>,
    makers: JoinSet<Result<()>>,
    hosts: JoinHandle<Result<Vec<Worker>>>,
}

impl Load {
    /// Begins.
    pub(crate) async fn begin(address: &str, workers: Vec<Worker>) -> Result<Self> {
        let counts = Arc::new(Counts::default());
        let host = Arc::new(Host::open("native", address).await?);
        let mut makers = JoinSet::new();
        for first in 0..CREATORS {
            makers.spawn(create(host.clone(), counts.clone(), first));
        }
        makers.spawn(forget(host, counts.clone()));
        let hosts = tokio::spawn(hear(workers, counts.clone()));
        Ok(Self { counts, makers, hosts })
    }

    /// What was done so far.
    pub(crate) fn done(&self) -> Done {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { created, begun, forgotten, .. } = &*self.counts;
        Done { created: of(created), begun: of(begun), forgotten: of(forgotten) }
    }

    /// Ends, and the hosts with it.
    pub(crate) async fn end(&mut self) -> Result<()> {
        self.counts.over.store(true, Ordering::Relaxed);
        while let Some(maker) = self.makers.join_next().await {
            maker??;
        }
        for worker in (&mut self.hosts).await?? {
            worker.stop().await?;
        }
        Ok(())
    }
}

async fn create(host: Arc<Host>, counts: Arc<Counts>, first: u64) -> Result<()> {
    let mut number = first;
    while !counts.is_over() {
        if counts.waiting() >= WAITING {
            tokio::time::sleep(BREATH).await;
            continue;
        }
        host.create(usize::try_from(number)?).await?;
        counts.created.fetch_add(1, Ordering::Relaxed);
        number += CREATORS;
    }
    Ok(())
}

/// As a runner does by itself, only sooner.
async fn forget(host: Arc<Host>, counts: Arc<Counts>) -> Result<()> {
    while !counts.is_over() {
        let forgotten = host.prune(KEEP).await?;
        counts.forgotten.fetch_add(forgotten.tasks as u64, Ordering::Relaxed);
        tokio::time::sleep(BREATH).await;
    }
    Ok(())
}

async fn hear(mut workers: Vec<Worker>, counts: Arc<Counts>) -> Result<Vec<Worker>> {
    while !counts.is_over() {
        let begun: usize = workers.iter_mut().map(|worker| worker.begun().len()).sum();
        counts.begun.fetch_add(begun as u64, Ordering::Relaxed);
        tokio::time::sleep(BREATH).await;
    }
    Ok(workers)
}
