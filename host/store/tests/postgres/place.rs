//! Databases of tests' own, and how they are spoken to without a store.
//! Does not start a server: `taskwright-test-postgres` does.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use taskwright_registry::{NewTask, SessionId, TaskId};
use taskwright_store::{PostgresOptions, PostgresStore, Store, StoreError};
use tokio_postgres::{Client, NoTls};

/// The server that all cases share which leave it as it was; none says that the case was skipped.
pub(crate) fn server() -> Option<&'static str> {
    taskwright_test_postgres::address().map_err(taskwright_test_postgres::skipped).ok()
}

/// A database of its own on that server, and the address of it.
pub(crate) async fn database(server: &str) -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let name = format!("database_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
    let client = talk(server).await;
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
    let (before, _) = server.rsplit_once('/').expect("a database in the address");
    format!("{before}/{name}")
}

/// A connection without a store.
pub(crate) async fn talk(address: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// The address for a role that may write rows of the store there, and make or own nothing.
pub(crate) async fn as_writer(address: &str, role: &str) -> String {
    let grants = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA taskwright TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA taskwright TO {role};
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA taskwright TO {role}"
    );
    talk(address).await.batch_execute(&grants).await.expect("a role");
    address.replace("taskwright@", &format!("{role}@"))
}

pub(crate) async fn open(address: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(address, PostgresOptions { connections: 2, ..PostgresOptions::default() }).await
}

pub(crate) fn session() -> SessionId {
    "session-1".parse().expect("a session id")
}

pub(crate) fn new_task(store: &PostgresStore) -> NewTask {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let mut bits = [0; 10];
    bits[2..].copy_from_slice(&DRAWN.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    NewTask::new(TaskId::new(store.now(), bits), session(), "probe", json!({"n": 1}))
}

/// What an error says, which has to be one of not being there: nothing was written.
pub(crate) fn unavailable<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Unavailable { reason }) => reason,
        other => panic!("expected Unavailable, got {other:?}"),
    }
}
