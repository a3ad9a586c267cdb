//! Rows of a PostgreSQL that cannot be read.
//! Does not say what follows: `unreadable` does, for every store.

use tokio_postgres::Client;

use crate::place::{database, open, server, talk};
use crate::unreadable::{self, Plant, Spoiled};

struct Database(Client);

impl Plant for Database {
    async fn run(&self, sql: &str) {
        let changed = self.0.execute(sql, &[]).await.expect("a statement");
        assert!(changed > 0, "{sql}");
    }
}

async fn spoiled() -> Option<Spoiled<Database>> {
    let address = database(server()?).await;
    let store = Box::new(open(&address).await.expect("a store"));
    let client = talk(&address).await;
    client.batch_execute("SET search_path TO taskwright").await.expect("a schema");
    Some(Spoiled { store, plant: Database(client) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_passes_by_what_it_cannot_read() {
    let Some(world) = spoiled().await else { return };
    unreadable::a_claim_passes_by_what_it_cannot_read(world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_passes_by_what_it_cannot_read() {
    let Some(world) = spoiled().await else { return };
    unreadable::a_reader_passes_by_what_it_cannot_read(world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_ends_beside_what_cannot_be_read() {
    let Some(world) = spoiled().await else { return };
    unreadable::what_ends_ends_beside_what_cannot_be_read(world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_concern_their_own_task_alone() {
    let Some(world) = spoiled().await else { return };
    unreadable::columns_concern_their_own_task_alone(world).await;
}
