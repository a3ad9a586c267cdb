//! Which files are opened, with which rights, and which are refused and left alone.
//! Does not test what is in the tables.

use std::fs;
use std::path::Path;

use taskwright_store::{SqliteOptions, SqliteStore, Store, StoreError};

use crate::room::{Room, session};

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("the file").permissions().mode() & 0o777
}

/// The bytes of every file in the room.
fn bytes(room: &Room) -> Vec<(String, Vec<u8>)> {
    let folder = room.path().parent().expect("a folder").to_owned();
    let mut all: Vec<_> = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        // The index of a log is shared memory: a reader may rebuild it, and nobody reads it back after a crash.
        .filter(|path| !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.display().to_string(), fs::read(&path).expect("the bytes")))
        .collect();
    all.sort();
    all
}

fn refused(room: &Room) -> StoreError {
    let before = bytes(room);
    let error = room.try_open().expect_err("a refusal");
    assert_eq!(bytes(room), before, "it was touched: {error}");
    error
}

// L32
#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_what_is_created() {
    let room = Room::new();
    let path = room.beside("a").join("b").join("tasks.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).expect("a store");
    room.running(&store).await;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&room.beside("a")), 0o700);
    for companion in ["tasks.db-wal", "tasks.db-shm"] {
        assert_eq!(mode(&path.with_file_name(companion)), 0o600, "{companion}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_that_others_could_read_is_closed_to_them() {
    use std::os::unix::fs::PermissionsExt;
    let room = Room::new();
    drop(room.open());
    fs::set_permissions(room.path(), fs::Permissions::from_mode(0o644)).unwrap();
    drop(room.open());
    assert_eq!(mode(&room.path()), 0o600);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_refused() {
    let room = Room::new();
    let other = room.beside("other.db");
    drop(SqliteStore::open(&other, SqliteOptions::default()).expect("a store"));
    std::os::unix::fs::symlink(&other, room.path()).unwrap();
    let error = room.try_open().expect_err("a refusal");
    assert!(matches!(&error, StoreError::Corrupt { reason } if reason.contains("symbolic link")), "{error}");
    let dangling = room.beside("dangling.db");
    std::os::unix::fs::symlink(room.beside("nowhere.db"), &dangling).unwrap();
    assert!(SqliteStore::open(&dangling, SqliteOptions::default()).is_err());
    assert!(!room.beside("nowhere.db").exists());
}

#[test]
fn what_is_no_database_is_refused_untouched() {
    let long = vec![b'x'; 5_000];
    let mut half = b"SQLite format 3\0".to_vec();
    half.resize(60, 0);
    for content in [&b"hello"[..], &long, &half, &[0; 4_096]] {
        let room = Room::new();
        fs::write(room.path(), content).unwrap();
        let error = refused(&room);
        assert!(
            matches!(&error, StoreError::Corrupt { reason } if reason.contains("no SQLite database")
            || reason.contains("another application")),
            "{error}"
        );
    }
}

#[test]
fn a_folder_is_refused() {
    let room = Room::new();
    fs::create_dir(room.path()).unwrap();
    let error = room.try_open().expect_err("a refusal");
    assert!(matches!(&error, StoreError::Corrupt { reason } if reason.contains("is no file")), "{error}");
}

#[test]
fn the_database_of_another_application_is_refused_untouched() {
    for journal in ["DELETE", "WAL"] {
        for application in [0, 0x1234] {
            let room = Room::new();
            let bare = room.bare();
            bare.pragma_update(None, "journal_mode", journal).unwrap();
            bare.pragma_update(None, "application_id", application).unwrap();
            bare.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
            // Still open, so that its log is not merged: opening it must not do so either.
            let error = refused(&room);
            let expected = matches!(&error, StoreError::Corrupt { reason } if reason.contains("another application"));
            assert!(expected, "{journal} {application}: {error}");
            drop(bare);
            refused(&room);
        }
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let room = Room::new();
    let store = room.open();
    room.running(&store).await;
    let bare = room.bare();
    drop(store);
    bare.pragma_update(None, "user_version", 1_000).unwrap();
    // First it stands in the log alone, then, merged, in the file's own header.
    for merged in [false, true] {
        if merged {
            bare.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        }
        let error = refused(&room);
        assert_eq!(error, StoreError::NewerSchema { found: 1_000, supported: 11 }, "merged: {merged}");
    }
    drop(bare);
    refused(&room);
}

#[tokio::test]
async fn a_newer_schema_in_an_abandoned_log_is_refused_untouched() {
    let room = Room::new();
    let original = Room::new();
    let store = original.open();
    original.running(&store).await;
    original.bare().pragma_update(None, "user_version", 1_000).unwrap();
    // As after a crash: a file and a log, and nobody who has them open.
    fs::copy(original.path(), room.path()).unwrap();
    fs::copy(original.beside("tasks.db-wal"), room.beside("tasks.db-wal")).unwrap();
    assert_eq!(refused(&room), StoreError::NewerSchema { found: 1_000, supported: 11 });
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let room = Room::new();
    fs::write(room.path(), b"").unwrap();
    let store = room.open();
    let task = room.running(&store).await;
    assert_eq!(store.get(&session(), &task.id).await.unwrap(), task);
}

#[tokio::test]
async fn a_damaged_record_is_an_error_of_its_own_and_harms_no_other() {
    let room = Room::new();
    let store = room.open();
    let (task, other) = (room.running(&store).await, room.running(&store).await);
    let sql = "UPDATE tasks SET record = '{\"id\":' WHERE id = ?1";
    room.bare().execute(sql, [task.id.as_str()]).unwrap();
    let error = store.get(&session(), &task.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreadable(_)), "{error}");
    assert_eq!(store.get(&session(), &other.id).await.unwrap(), other);
}

#[test]
fn many_that_open_a_new_store_at_once_all_get_it() {
    for _ in 0..5 {
        let room = Room::new();
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8).map(|_| scope.spawn(|| room.open())).collect();
            for one in opening {
                one.join().expect("an open store");
            }
        });
    }
}
