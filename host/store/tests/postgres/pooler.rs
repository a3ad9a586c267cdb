//! A real PgBouncer between the store and the server.
//! Does not test the server behind it.

use std::time::Duration;

use taskwright_store::{Change, Store};
use taskwright_test_postgres::{Pooler, Server, skipped};

use crate::place::{new_task, open, talk, unavailable};

fn pooled(mode: &str) -> Option<(Server, Pooler)> {
    let made = || {
        let mut server = Server::make()?;
        server.begin()?;
        let pooler = Pooler::begin(&server, mode)?;
        Ok((server, pooler))
    };
    made().map_err(|why: String| skipped(&why)).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_keeps_a_connection_for_each_client_is_as_good_as_the_server() {
    let Some((_server, pooler)) = pooled("session") else { return };
    let (writer, reader) =
        (open(&pooler.address()).await.expect("a store"), open(&pooler.address()).await.expect("a store"));
    let mut changes = reader.changes();
    let task = writer.create(new_task(&writer)).await.expect("a task").task;
    let heard = async {
        loop {
            match changes.recv().await.expect("a change") {
                Change::Task { task_id, .. } if task_id == task.id => return,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(4), heard).await.expect("it is told, and not found by a look");
    assert_eq!(reader.get(&task.session_id, &task.id).await.expect("the task"), task);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_gives_each_transaction_another_connection_is_refused_and_left_as_it_was() {
    for mode in ["transaction", "statement"] {
        let Some((server, pooler)) = pooled(mode) else { return };
        let refused = unavailable(open(&pooler.address()).await);
        assert!(refused.contains("pool_mode = session"), "{mode}: {refused}");
        // What strangers would find on a connection that they share with us.
        let stranger = talk(&pooler.address()).await;
        let row = stranger.simple_query("SHOW search_path").await.expect("an answer");
        let path = row.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        assert_eq!(path, Some("\"$user\", public"), "{mode}");
        let made = talk(&server.address()).await;
        let made = made.query_one("SELECT count(*) FROM pg_namespace WHERE nspname = 'taskwright'", &[]).await;
        assert_eq!(made.expect("a row").get::<_, i64>(0), 0, "{mode}: nothing was made");
    }
}
