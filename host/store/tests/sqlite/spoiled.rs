//! Rows of a file that cannot be read.
//! Does not say what follows: `unreadable` does, for every store.

use std::path::PathBuf;

use crate::room::Room;
use crate::unreadable::{self, Plant, Spoiled};

struct File(PathBuf);

impl Plant for File {
    async fn run(&self, sql: &str) {
        let changed = rusqlite::Connection::open(&self.0).unwrap().execute(sql, []).unwrap();
        assert!(changed > 0, "{sql}");
    }
}

fn spoiled(room: &Room) -> Spoiled<File> {
    Spoiled { store: Box::new(room.open()), plant: File(room.path()) }
}

#[tokio::test]
async fn a_claim_passes_by_what_it_cannot_read() {
    let room = Room::new();
    unreadable::a_claim_passes_by_what_it_cannot_read(spoiled(&room)).await;
}

#[tokio::test]
async fn a_reader_passes_by_what_it_cannot_read() {
    let room = Room::new();
    unreadable::a_reader_passes_by_what_it_cannot_read(spoiled(&room)).await;
}

#[tokio::test]
async fn what_ends_ends_beside_what_cannot_be_read() {
    let room = Room::new();
    unreadable::what_ends_ends_beside_what_cannot_be_read(spoiled(&room)).await;
}

#[tokio::test]
async fn columns_concern_their_own_task_alone() {
    let room = Room::new();
    unreadable::columns_concern_their_own_task_alone(spoiled(&room)).await;
}
