//! Statements and transactions that fail, a lock that is not had, a disk that is full.
//! Does not simulate power loss.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use taskwright_registry::{CloseOrder, ClosePolicy, NewTask, SessionId, SessionState, State, Task, TaskId, TaskUpdate};
use taskwright_store::{Sessions, SqliteOptions, SqliteStore, Store, StoreError};

use crate::room::{Room, append, check, session};

/// Writes to all tasks in one transaction, by holding the lock until all of them have queued up.
async fn in_one_batch(room: &Room, store: &Arc<SqliteStore>, tasks: &[Task]) -> Vec<Result<Task, StoreError>> {
    let lock = room.bare();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writes = tasks.iter().map(|task| store.update(&task.session_id, &task.id, append(task, "batched")));
    let mut writes = futures::future::join_all(writes);
    // One poll puts every write into the queue, in this order.
    assert!(futures::poll!(&mut writes).is_pending());
    lock.execute_batch("ROLLBACK").unwrap();
    writes.await
}

// L3, L32
#[tokio::test]
async fn a_write_that_fails_takes_no_other_of_its_batch_with_it() {
    let room = Room::new();
    let store = Arc::new(room.open());
    let mut tasks = Vec::new();
    for _ in 0..5 {
        tasks.push(room.running(&store).await);
    }
    // The event fails after the record has been written: the record must go back too.
    let sql = format!(
        "CREATE TRIGGER fault BEFORE INSERT ON events WHEN new.task_id = '{}' BEGIN SELECT RAISE(ABORT, 'fault'); END",
        tasks[2].id
    );
    room.bare().execute_batch(&sql).unwrap();
    let commits = store.commits();
    let outcomes = in_one_batch(&room, &store, &tasks).await;
    assert_eq!(store.commits(), commits + 1, "one transaction for all");
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(task) => assert_eq!(task.artifacts.len(), 1),
            Err(StoreError::Refused { reason }) => assert!(number == 2 && reason.contains("fault"), "{reason}"),
            Err(other) => panic!("{other}"),
        }
        assert_eq!(outcome.is_ok(), number != 2);
    }
    assert_eq!(store.get(&session(), &tasks[2].id).await.unwrap(), tasks[2]);
    room.bare().execute_batch("DROP TRIGGER fault").unwrap();
    assert!(store.update(&session(), &tasks[2].id, append(&tasks[2], "now")).await.is_ok());
    check(&room, &store, &tasks).await;
}

// L3, L32
#[tokio::test]
async fn a_transaction_that_is_lost_is_reported_to_all_whose_writes_it_held() {
    let room = Room::new();
    let store = Arc::new(room.open());
    let mut tasks = Vec::new();
    for _ in 0..4 {
        tasks.push(room.running(&store).await);
    }
    let sql = format!(
        "CREATE TRIGGER fault BEFORE INSERT ON events WHEN new.task_id = '{}'
         BEGIN SELECT RAISE(ROLLBACK, 'all is lost'); END",
        tasks[2].id
    );
    room.bare().execute_batch(&sql).unwrap();
    let outcomes = in_one_batch(&room, &store, &tasks).await;
    for outcome in &outcomes[..3] {
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    }
    assert!(outcomes[3].is_ok(), "what came after is a transaction of its own: {:?}", outcomes[3]);
    for task in &tasks[..3] {
        assert_eq!(store.get(&session(), &task.id).await.as_ref(), Ok(task));
    }
    check(&room, &store, &tasks).await;
}

// L46, L3: a task that should have moved was canceled because the store had a hiccup.
#[tokio::test]
async fn a_close_that_meets_trouble_closes_nothing_and_cancels_nothing() {
    let room = Room::new();
    let store = room.open();
    let new = NewTask::new(TaskId::new(store.now(), [7; 10]), session(), "probe", json!({}));
    let task = store.create(NewTask { close_policy: ClosePolicy::Transfer, ..new }).await.unwrap().task;
    let fault = "CREATE TRIGGER fault BEFORE UPDATE OF session ON tasks BEGIN SELECT RAISE(ABORT, 'fault'); END";
    room.bare().execute_batch(fault).unwrap();
    let successor: SessionId = "successor".parse().unwrap();
    let order = CloseOrder { successor: Some(successor.clone()), ..CloseOrder::default() };
    let refused = store.close_session(&session(), order.clone()).await;
    assert!(matches!(&refused, Err(StoreError::Refused { reason }) if reason.contains("fault")), "{refused:?}");
    assert_eq!(store.session(&session()).await.unwrap().state, SessionState::Open);
    assert_eq!(store.get(&session(), &task.id).await.unwrap(), task);
    room.bare().execute_batch("DROP TRIGGER fault").unwrap();
    assert_eq!(store.close_session(&session(), order).await.unwrap().session.state, SessionState::Closed);
    let there = store.get(&successor, &task.id).await.unwrap();
    assert_eq!((there.state, there.cancel), (State::Queued, None));
}

// L3
#[tokio::test]
async fn a_lock_that_is_not_had_means_that_nothing_has_happened() {
    let room = Room::new();
    let options = SqliteOptions { busy_timeout: Duration::from_millis(20), ..SqliteOptions::default() };
    let store = SqliteStore::open(room.path(), options).expect("a store");
    let task = room.running(&store).await;
    let lock = room.bare();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.update(&session(), &task.id, append(&task, "a")).await;
    let Err(StoreError::Unavailable { reason }) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("another process") && reason.contains("let it go on or end it"), "{reason}");
    assert_eq!(store.get(&session(), &task.id).await.unwrap(), task, "reading goes on");
    lock.execute_batch("ROLLBACK").unwrap();
    store.update(&session(), &task.id, append(&task, "a")).await.expect("the lock is free again");
}

// L3, L25, L32
#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_reported() {
    let room = Room::new();
    let options = SqliteOptions { max_bytes: Some(400_000), ..SqliteOptions::default() };
    let store = SqliteStore::open(room.path(), options).expect("a store");
    let tasks = [room.running(&store).await, room.running(&store).await];
    let mut kept = [0, 0];
    let mut refusals = 0;
    for round in 0.. {
        let both = tasks.iter().map(|task| {
            let checkpoint = Some(vec![7; 1_000 + 500 * (round % 7)]);
            store.update(&task.session_id, &task.id, TaskUpdate { checkpoint, ..append(task, "some name") })
        });
        for (number, outcome) in futures::future::join_all(both).await.into_iter().enumerate() {
            match outcome {
                Ok(task) => kept[number] = task.artifacts.len(),
                Err(StoreError::Unavailable { reason }) => {
                    assert!(reason.contains("full"), "{reason}");
                    refusals += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(round < 10_000, "the disk never filled");
        if refusals > 5 {
            break;
        }
    }
    let count = async |store: &SqliteStore, task: &Task| {
        store.get(&session(), &task.id).await.expect("the task").artifacts.len()
    };
    for (task, kept) in tasks.iter().zip(kept) {
        assert!(kept > 0);
        assert_eq!(count(&store, task).await, kept);
    }
    check(&room, &store, &tasks).await;
    drop(store);
    let store = room.open();
    for (task, kept) in tasks.iter().zip(kept) {
        assert!(store.update(&session(), &task.id, append(task, "room again")).await.is_ok());
        assert_eq!(count(&store, task).await, kept + 1);
    }
    check(&room, &store, &tasks).await;
}
