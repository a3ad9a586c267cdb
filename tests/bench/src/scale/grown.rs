//! Stores of several sizes, filled through their own verbs. Each file of SQLite is a copy of the one that grows on.
//! Does not measure.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use serde_json::json;
use taskwright_registry::{
    HostId, HostRef, LeaseLength, Lineage, NewTask, SessionId, State, TaskId, TaskUpdate, Visibility, WakePolicy,
};
use taskwright_store::{ClaimRequest, KindOffer, MemoryStore, SqliteOptions, SqliteStore, Store};

use super::subject::{KIND, NAME, RARE, Subject, parent};

/// Writers at one time, so that they share commits.
const AT_ONCE: usize = 256;
/// Tasks of each session where there are many.
const OF_A_SESSION: usize = 100;
/// Ids that are kept to ask for.
const SAMPLE: usize = 1_000;

/// Which stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stores {
    Memory,
    Sqlite,
}

impl fmt::Display for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stores::Memory => "memory",
            Stores::Sqlite => "SQLite",
        })
    }
}

/// Whose the tasks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    OneSession,
    /// 100 tasks each.
    ManySessions,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::OneSession => f.write_str("all of one session"),
            Shape::ManySessions => write!(f, "{OF_A_SESSION} of each session"),
        }
    }
}

/// One store for each size: so many tasks that are over, and so many live ones. The sizes grow.
pub(crate) async fn grow(
    stores: Stores,
    shape: Shape,
    sizes: &[(usize, usize)],
    folder: &Path,
) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    let file = |name: &str| folder.join(format!("{name}.db"));
    let (grown, mut filled) = (file("grown"), Filled::new(shape));
    for (number, (tasks, live)) in sizes.iter().enumerate() {
        let store: Arc<dyn Store> = match stores {
            Stores::Memory => {
                filled = Filled::new(shape);
                let store = Arc::new(MemoryStore::new());
                filled.fill(&(store.clone() as Arc<dyn Store>), *tasks).await?;
                store
            }
            Stores::Sqlite => {
                let growing: Arc<dyn Store> = Arc::new(SqliteStore::open(&grown, SqliteOptions::default())?);
                filled.fill(&growing, *tasks).await?;
                drop(growing);
                let path =
                    if number + 1 < sizes.len() { copy(&grown, file(&number.to_string()))? } else { grown.clone() };
                Arc::new(SqliteStore::open(path, SqliteOptions::default())?)
            }
        };
        subjects.push(enliven(store, &filled, *live).await?);
    }
    Ok(subjects)
}

/// Everything that is in the file's log goes into the file, and the file is copied.
fn copy(from: &Path, to: PathBuf) -> Result<PathBuf> {
    let connection = Connection::open(from)?;
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    ensure!(busy == 0, "the file is in use");
    std::fs::copy(from, &to)?;
    Ok(to)
}

/// What a store has been filled with.
struct Filled {
    shape: Shape,
    tasks: usize,
    /// The session that is asked about, and its tasks in order of creation.
    session: SessionId,
    ids: Vec<TaskId>,
}

impl Filled {
    fn new(shape: Shape) -> Self {
        Self { shape, tasks: 0, session: session(0), ids: Vec::new() }
    }

    /// Adds tasks up to a number. Sessions of earlier tasks get none of them.
    async fn fill(&mut self, store: &Arc<dyn Store>, tasks: usize) -> Result<()> {
        let before = self.tasks;
        let sessions = match self.shape {
            Shape::OneSession => 0..1,
            Shape::ManySessions => before / OF_A_SESSION..tasks / OF_A_SESSION,
        };
        if !sessions.is_empty() && self.shape == Shape::ManySessions && before < tasks {
            (self.session, self.ids) = (session(sessions.start), Vec::new());
        }
        let every = (tasks / SAMPLE).max(1);
        while self.tasks < tasks {
            let batch = self.tasks..tasks.min(self.tasks + AT_ONCE);
            let mut writers = Vec::new();
            for number in batch.clone() {
                let owner = session(sessions.start + number % sessions.len());
                let (new, store) = (new_task(store.as_ref(), number, owner)?, store.clone());
                if new.session_id == self.session && (self.shape == Shape::ManySessions || number % every == 0) {
                    self.ids.push(new.id.clone());
                }
                writers.push(tokio::spawn(async move { begin_and_end(store.as_ref(), new, number).await }));
            }
            for writer in writers {
                writer.await??;
            }
            self.tasks = batch.end;
            if self.shape == Shape::OneSession {
                acknowledge(store.as_ref(), &self.session).await?;
            }
        }
        if self.shape == Shape::ManySessions {
            let mut after = None;
            loop {
                let page = store.sessions_with_wakes(after, 1_000).await?;
                for owner in &page.sessions {
                    acknowledge(store.as_ref(), owner).await?;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn session(number: usize) -> SessionId {
    format!("session-{number}").parse().expect("a session")
}

/// Every tenth is hidden, every tenth wakes its session, every twentieth has a parent; all have a name and a run. However
/// many there are, five are of a rare kind, five fail, and three are called the same.
fn new_task(store: &dyn Store, number: usize, owner: SessionId) -> Result<NewTask> {
    let kind = match number {
        100..105 => RARE,
        _ if number % 10 == 1 => "search-files",
        _ => KIND,
    };
    let name = if matches!(number, 1 | 300 | 600) { NAME.to_owned() } else { format!("job-{number}") };
    let id = TaskId::new(store.now(), rand::random());
    Ok(NewTask {
        name: Some(name),
        parent: Lineage {
            task_id: (number % 20 == 3).then(|| parent(number / 100).to_string()),
            run_id: Some(format!("run-{}", number / 50)),
            ..Lineage::default()
        },
        visibility: if number % 10 == 7 { Visibility::Hidden } else { Visibility::Listed },
        wake_policy: if number % 10 == 5 { WakePolicy::OnTerminal } else { WakePolicy::Silent },
        ..NewTask::new(id, owner, kind, json!({"steps": [{"state": "working"}]}))
    })
}

async fn begin_and_end(store: &dyn Store, new: NewTask, number: usize) -> Result<()> {
    let (session, id) = (new.session_id.clone(), new.id.clone());
    store.create(new).await?;
    let state = if (200..205).contains(&number) { State::Failed } else { State::Succeeded };
    let end = TaskUpdate { state: Some(state), summary: Some("done".to_owned()), ..TaskUpdate::default() };
    store.update(&session, &id, end).await?;
    Ok(())
}

async fn acknowledge(store: &dyn Store, session: &SessionId) -> Result<()> {
    let ids: Vec<u64> = store.wakes(session, 1_000).await?.iter().map(|wake| wake.id).collect();
    store.acknowledge_wakes(session, &ids).await?;
    Ok(())
}

/// Adds live tasks to the session that is asked about: half of them held by a host, half due.
async fn enliven(store: Arc<dyn Store>, filled: &Filled, live: usize) -> Result<Subject> {
    let host = HostRef { id: HostId::new(store.now(), rand::random()), epoch: 1 };
    store.open_lease(&host, LeaseLength::new(LeaseLength::MOST)?).await?;
    let mut ids = Vec::new();
    for half in [live / 2, live - live / 2] {
        let mut creators = Vec::new();
        for _ in 0..half {
            let id = TaskId::new(store.now(), rand::random());
            ids.push(id.clone());
            let new = NewTask {
                name: Some(format!("live-{id}")),
                ..NewTask::new(id, filled.session.clone(), KIND, json!({"steps": []}))
            };
            let store = store.clone();
            creators.push(tokio::spawn(async move { store.create(new).await }));
        }
        for creator in creators {
            creator.await??;
        }
        let kinds = vec![KindOffer::from(KIND)];
        let request = ClaimRequest::new(host.clone(), kinds, 500);
        let mut held = store.held_by(&host).await?.len();
        while held < live / 2 {
            let claimed = store.claim(&request).await?.len();
            ensure!(claimed > 0, "nothing is due");
            held += claimed;
        }
    }
    // What is held is asked for one by one; what is due will be claimed and must not be waited for.
    let held: Vec<_> = store.held_by(&host).await?.into_iter().map(|claim| claim.task.id).collect();
    held.first().context("nothing is held")?;
    let mut over = filled.ids.clone();
    let every = over.len().div_ceil(SAMPLE).max(1);
    let mut number = 0;
    over.retain(|_| {
        number += 1;
        (number - 1) % every == 0
    });
    Subject::new(store, filled.session.clone(), host, over, held).await
}
