//! What is left in the tables of what was removed: nothing. No foreign key sees to it.
//! Does not repeat what can be seen through a store: the conformance suite does.

use serde_json::json;
use taskwright_registry::{
    Direction, HostId, HostRef, LeaseLength, MessageId, NewMessage, Part, State, TaskUpdate, WakePolicy,
};
use taskwright_store::{ClaimRequest, PostgresStore, Store};
use tokio_postgres::Client;

use crate::place::{database, new_task, open, server, session, talk};

/// All that belongs to one task.
const TABLES: [&str; 6] = ["tasks", "specs", "results", "checkpoints", "messages", "wakes"];

async fn rows(client: &Client) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        let sql = format!("SELECT count(*) FROM taskwright.{table}");
        counts.push(client.query_one(&sql, &[]).await.expect("a count").get(0));
    }
    counts
}

/// One that has left a row in each of the tables.
async fn write_everywhere(store: &PostgresStore, host: &HostRef) {
    let mut new = new_task(store);
    new.wake_policy = WakePolicy::OnTerminal;
    let task = store.create(new).await.expect("a task").task;
    let message = NewMessage {
        id: MessageId::new(store.now(), rand::random()),
        fence: None,
        direction: Direction::Inbound,
        parts: vec![Part::Text("hello".to_owned())],
        in_reply_to: None,
    };
    store.record_message(&session(), &task.id, message).await.expect("a message");
    let mut claimed =
        store.claim(&ClaimRequest::only(host.clone(), vec!["probe".into()], task.id)).await.expect("a claim");
    let task = claimed.pop().expect("the task").task;
    let update = |update: TaskUpdate| TaskUpdate { fence: Some(task.fence()), ..update };
    let checkpoint = update(TaskUpdate { checkpoint: Some(b"so far".to_vec()), ..TaskUpdate::default() });
    store.update(&session(), &task.id, checkpoint).await.expect("a checkpoint");
    let end = TaskUpdate { state: Some(State::Succeeded), result: Some(json!(1)), ..TaskUpdate::default() };
    store.update(&session(), &task.id, update(end)).await.expect("an end");
}

// L23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_task_leaves_no_row_in_any_table() {
    let Some(server) = server() else { return };
    let address = database(server).await;
    let (store, client) = (open(&address).await.expect("a store"), talk(&address).await);
    let host = HostRef { id: HostId::new(store.now(), [1; 10]), epoch: 1 };
    store.open_lease(&host, LeaseLength::default()).await.expect("a lease");
    write_everywhere(&store, &host).await;
    let stay = rows(&client).await;
    assert!(stay.iter().zip(TABLES).all(|(rows, table)| *rows > 0 || table == "checkpoints"), "{stay:?}");
    write_everywhere(&store, &host).await;
    let late = store.now() + chrono::TimeDelta::days(1);
    let over = store.finished(late, None, 10).await.expect("what is over").tasks;
    for (left, (session, id)) in over.iter().enumerate().map(|(number, task)| (1 - number, task)) {
        assert!(store.forget(session, id, late).await.expect("it goes"));
        let expected: Vec<i64> = stay.iter().map(|rows| rows * i64::try_from(left).unwrap()).collect();
        assert_eq!(rows(&client).await, expected, "{TABLES:?}");
    }
}
