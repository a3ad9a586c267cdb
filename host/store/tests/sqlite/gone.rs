//! A file that is removed, renamed or replaced while it is open: every verb says so, and nothing is written to what is there then.
//! Does not copy over a file that is open: that damages it, whoever does it.

use taskwright_registry::{HostId, HostRef, LeaseLength};
use taskwright_store::{Change, ErrorClass, Sessions, SqliteStore, Store, StoreError};

use crate::room::{Room, append, session};

fn gone<T: std::fmt::Debug>(outcome: Result<T, StoreError>, why: &str) {
    let Err(error @ StoreError::Gone { .. }) = outcome else { panic!("{outcome:?}") };
    assert!(error.to_string().contains(why) && error.class() == ErrorClass::Permanent, "{error}");
}

async fn every_verb_says_so(store: &SqliteStore, host: &HostRef, why: &str) {
    gone(store.renew_lease(host).await, why);
    gone(store.open_session(&session(), None).await, why);
    gone(store.hosts().await, why);
}

async fn with_a_lease(store: &SqliteStore) -> HostRef {
    let host = HostRef { id: HostId::new(store.now(), [1; 10]), epoch: 1 };
    store.open_lease(&host, LeaseLength::default()).await.unwrap();
    host
}

#[tokio::test]
async fn a_store_whose_file_was_removed_writes_nothing_more() {
    let room = Room::new();
    let store = room.open();
    let host = with_a_lease(&store).await;
    let task = room.running(&store).await;
    let mut changes = store.changes();
    std::fs::remove_dir_all(room.path().parent().unwrap()).unwrap();
    gone(store.update(&session(), &task.id, append(&task, "late")).await, "was removed");
    every_verb_says_so(&store, &host, "was removed").await;
    // Who waits for news is woken, and reads.
    assert_eq!(changes.recv().await, Ok(Change::Elsewhere));
}

#[tokio::test]
async fn a_store_whose_file_was_replaced_writes_nothing_more() {
    let room = Room::new();
    let store = room.open();
    let host = with_a_lease(&store).await;
    let elsewhere = Room::new();
    drop(elsewhere.open());
    let restored = std::fs::read(elsewhere.path()).unwrap();
    std::fs::rename(elsewhere.path(), room.path()).unwrap();
    every_verb_says_so(&store, &host, "another file was put").await;
    assert_eq!(std::fs::read(room.path()).unwrap(), restored, "not a byte of it has changed");
    // What was noticed once stays so.
    std::fs::remove_file(room.path()).unwrap();
    every_verb_says_so(&store, &host, "another file was put").await;
}

#[tokio::test]
async fn a_store_whose_log_was_removed_writes_nothing_more() {
    let room = Room::new();
    let store = room.open();
    let host = with_a_lease(&store).await;
    let mut log = room.path().as_os_str().to_owned();
    log.push("-wal");
    std::fs::remove_file(&log).unwrap();
    every_verb_says_so(&store, &host, "-wal was removed").await;
}

#[tokio::test]
async fn a_store_whose_index_of_the_log_was_removed_says_so() {
    let room = Room::new();
    let store = room.open();
    let host = with_a_lease(&store).await;
    let mut index = room.path().as_os_str().to_owned();
    index.push("-shm");
    std::fs::remove_file(&index).unwrap();
    every_verb_says_so(&store, &host, "-shm was removed").await;
}
