//! Hosts of different versions on one database, while it is upgraded under them.
//! Does not test what a store does: the conformance suite does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use deadpool_postgres::{Object, Pool};
use serde_json::json;
use taskwright_registry::{HostId, HostRef, LeaseLength, NewTask, SessionId, State, TaskId, TaskUpdate};

use super::connection::{Connector, drive};
use super::schema::{STEPS, migrate_to};
use super::{PostgresOptions, PostgresStore};
use crate::{ClaimRequest, Store, StoreError, TaskQuery};

/// A step of a version to come, as the rule has it: it only adds.
const NEXT: &str = "
    ALTER TABLE tasks ADD COLUMN of_the_next smallint NOT NULL DEFAULT 7;
    ALTER TABLE sessions ADD COLUMN of_the_next text;
    CREATE INDEX tasks_of_the_next ON tasks (of_the_next, no);
    CREATE TABLE next_to_tasks (task bigint PRIMARY KEY REFERENCES tasks (no) ON DELETE CASCADE)";

/// A schema of its own in the tests' server, and a connection to look at it; none says that the case was skipped.
async fn place(name: &str) -> Option<(PostgresOptions, Pool, &'static str)> {
    let address = taskwright_test_postgres::address().map_err(taskwright_test_postgres::skipped).ok()?;
    let schema = format!("{name}_{}", std::process::id());
    let options = PostgresOptions { connections: 4, schema, ..PostgresOptions::default() };
    let connector = Connector::new(address, &options).expect("an address");
    let (client, wire) = connector.connect().await.expect("a connection");
    Some((options, connector.pool(1, (client, drive(wire))).expect("a pool"), address))
}

fn session() -> SessionId {
    "session-1".parse().expect("a session id")
}

/// The whole life of a task.
async fn live(store: &PostgresStore, host: &HostRef) {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let mut bits = [0; 10];
    bits[2..].copy_from_slice(&DRAWN.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    let new = NewTask::new(TaskId::new(store.now(), bits), session(), "probe", json!({"n": 1}));
    let task = store.create(new).await.expect("a task").task;
    let kinds = vec!["probe".into()];
    let request = ClaimRequest::only(host.clone(), kinds, task.id.clone());
    let task = store.claim(&request).await.expect("a claim").pop().expect("it is due").task;
    let end = TaskUpdate {
        fence: Some(task.fence()),
        state: Some(State::Succeeded),
        result: Some(json!(1)),
        ..TaskUpdate::default()
    };
    let over = store.update(&session(), &task.id, end).await.expect("an end");
    assert_eq!(store.get(&session(), &task.id).await.expect("the task"), over);
    let query = TaskQuery { limit: 1, ..TaskQuery::default() };
    assert_eq!(store.list(&session(), &query).await.expect("a list").tasks.len(), 1);
}

/// What is there of the store, and by which transaction each of it was written last.
async fn written(client: &Object, schema: &str) -> Vec<String> {
    let sql = format!(
        "SELECT 'version ' || version || ' ' || xmin FROM {schema}.schema_version
         UNION ALL SELECT relname || ' ' || relnatts || ' ' || relfilenode FROM pg_class
         WHERE relnamespace = '{schema}'::regnamespace
         UNION ALL SELECT 'task ' || id || ' ' || xmin FROM {schema}.tasks ORDER BY 1"
    );
    client.query(&sql, &[]).await.expect("what is there").iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_goes_on_while_a_newer_one_upgrades_and_an_older_one_is_refused_before_it_writes() {
    let Some((options, newer, address)) = place("upgrade").await else { return };
    let running = PostgresStore::open(address, options.clone()).await.expect("a store");
    let host = HostRef { id: HostId::new(running.now(), [1; 10]), epoch: 1 };
    // Nobody renews it.
    let length = LeaseLength::new(std::time::Duration::from_mins(10)).expect("a length");
    running.open_lease(&host, length).await.expect("a lease");
    let enough = Arc::new(AtomicBool::new(false));
    let lives: Vec<_> = (0..3)
        .map(|_| {
            let (running, host, enough) = (running.clone(), host.clone(), enough.clone());
            tokio::spawn(async move {
                while !enough.load(Ordering::SeqCst) {
                    live(&running, &host).await;
                }
            })
        })
        .collect();
    let more = async || {
        let until = running.events(&session(), 0, 1).await.expect("the log").last + 30;
        while running.events(&session(), 0, 1).await.expect("the log").last < until {
            assert!(lives.iter().any(|life| !life.is_finished()), "every call has failed");
            tokio::task::yield_now().await;
        }
    };
    more().await;
    let client = newer.get().await.expect("a connection");
    let steps: Vec<&str> = STEPS.into_iter().chain([NEXT]).collect();
    migrate_to(&client, &options.schema, &steps).await.expect("an upgrade, whoever is at work");
    more().await;
    enough.store(true, Ordering::SeqCst);
    for life in lives {
        life.await.expect("no call of the host that runs has failed");
    }

    let before = written(&client, &options.schema).await;
    match PostgresStore::open(address, options.clone()).await {
        Err(StoreError::NewerSchema { found, supported }) => assert_eq!(found, supported + 1),
        other => panic!("{other:?}"),
    }
    assert_eq!(written(&client, &options.schema).await, before);
    // What was written without knowing of it is good under the newer schema.
    let row = client.query_one("SELECT count(*), count(*) FILTER (WHERE of_the_next = 7) FROM tasks", &[]).await;
    let row = row.expect("a row");
    assert_eq!(row.get::<_, i64>(0), row.get::<_, i64>(1));
    live(&running, &host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_begin_together_make_the_tables_once() {
    let Some((options, looks, address)) = place("together").await else { return };
    let open = || tokio::spawn(PostgresStore::open(address, options.clone()));
    let begun: Vec<_> = (0..8).map(|_| open()).collect();
    for store in begun {
        let store = store.await.expect("no panic").expect("a store");
        let host = HostRef { id: HostId::new(store.now(), [1; 10]), epoch: 1 };
        store.open_lease(&host, LeaseLength::default()).await.expect("a lease");
        live(&store, &host).await;
    }
    let client = looks.get().await.expect("a connection");
    assert_eq!(client.query("SELECT version FROM schema_version", &[]).await.expect("versions").len(), 1);
}
