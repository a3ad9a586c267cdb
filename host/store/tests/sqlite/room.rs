//! A folder with a store in it, and shorthands.
//! Does not open anything by itself.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use taskwright_registry::{Artifact, HostId, HostRef, LeaseLength, NewTask, SessionId, Task, TaskId, TaskUpdate};
use taskwright_store::{ClaimRequest, SqliteOptions, SqliteStore, Store, StoreError};

pub(crate) struct Room {
    folder: tempfile::TempDir,
    drawn: AtomicU64,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), drawn: AtomicU64::new(0) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("tasks.db")
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path(), SqliteOptions::default()).expect("a store")
    }

    pub(crate) fn try_open(&self) -> Result<SqliteStore, StoreError> {
        let options = SqliteOptions { busy_timeout: Duration::from_millis(200), ..SqliteOptions::default() };
        SqliteStore::open(self.path(), options)
    }

    /// A connection beside the store's own.
    pub(crate) fn bare(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).expect("a connection")
    }

    /// A task that is at work.
    pub(crate) async fn running(&self, store: &SqliteStore) -> Task {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        let new = NewTask::new(TaskId::new(store.now(), random), session(), "probe", json!({"n": 1}));
        let task = store.create(new).await.expect("creation").task;
        let host = HostRef { id: HostId::new(store.now(), [1; 10]), epoch: 1 };
        store.open_lease(&host, LeaseLength::default()).await.expect("a lease");
        let request = ClaimRequest::only(host, vec!["probe".into()], task.id);
        store.claim(&request).await.expect("a claim").pop().expect("a due task").task
    }
}

pub(crate) fn session() -> SessionId {
    "session".parse().expect("a session id")
}

pub(crate) fn append(task: &Task, name: &str) -> TaskUpdate {
    let artifact =
        Artifact { name: name.to_owned(), media_type: "text/plain".to_owned(), path: None, url: None, bytes: None };
    TaskUpdate { fence: Some(task.fence()), artifacts: vec![artifact], ..TaskUpdate::default() }
}

/// Checks everything that must hold of the rows whatever happened, and gives the last number of the session's log.
pub(crate) async fn check(room: &Room, store: &SqliteStore, tasks: &[Task]) -> u64 {
    let bare = room.bare();
    let sound: String = bare.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(sound, "ok");
    let orphans = bare.prepare("PRAGMA foreign_key_check").expect("a check").exists([]).expect("a check");
    assert!(!orphans, "a row refers to none");
    let mut log = Vec::new();
    loop {
        let page = store.events(&session(), log.len() as u64, 1_000).await.expect("events");
        if page.events.is_empty() {
            assert_eq!(page.last, log.len() as u64, "the counter is the number of events");
            break;
        }
        log.extend(page.events);
    }
    assert!(log.iter().zip(1..).all(|(event, seq)| event.seq == seq), "a gap in the log");
    for task in tasks {
        let stored = store.get(&session(), &task.id).await.expect("the task");
        let told = log.iter().rev().filter_map(|event| event.body.task()).find(|told| told.id == task.id);
        assert_eq!(told, Some(&stored.snapshot()), "the log's last word is the record");
    }
    log.len() as u64
}
