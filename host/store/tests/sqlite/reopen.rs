//! What is there after the store was closed and opened again.
//! Does not crash: `crash` does.

use taskwright_registry::{
    CloseOrder, Direction, Lineage, NewMessage, NewTask, Part, SessionState, State, TaskId, TaskUpdate, WakePolicy,
};
use taskwright_store::{MessagePage, Sessions, SqliteStore, Store, StoreError, TaskFilter, TaskQuery};

use crate::room::{Room, append, check, session};

async fn everything(store: &SqliteStore, task: &taskwright_registry::Task) -> impl PartialEq + std::fmt::Debug + use<> {
    let (session, id) = (&task.session_id, &task.id);
    (
        store.get(session, id).await,
        store.result(session, id).await,
        store.checkpoint(session, id).await,
        store.messages(session, id, &MessagePage::default()).await,
        store.unread(session, id, 10).await,
        store.events(session, 0, 1_000).await,
        store.wakes(session, 10).await,
    )
}

// L25, L32
#[tokio::test]
async fn a_store_that_is_opened_again_is_as_it_was() {
    let room = Room::new();
    let store = room.open();
    let task = room.running(&store).await;
    let message = NewMessage {
        id: taskwright_registry::MessageId::new(store.now(), [3; 10]),
        fence: None,
        direction: Direction::Inbound,
        parts: vec![Part::Text("hello".to_owned())],
        in_reply_to: None,
    };
    store.record_message(&session(), &task.id, message).await.unwrap();
    let update = TaskUpdate {
        result: Some(serde_json::json!([0.1, 1e300])),
        checkpoint: Some(vec![0, 255]),
        ..append(&task, "a")
    };
    let task = store.update(&session(), &task.id, update).await.unwrap();
    assert_eq!(task.wake_policy, WakePolicy::Silent);
    let before = everything(&store, &task).await;
    drop(store);
    let store = room.open();
    assert_eq!(everything(&store, &task).await, before);
    let end = TaskUpdate { state: Some(State::Succeeded), fence: Some(task.fence()), ..TaskUpdate::default() };
    let over = store.update(&session(), &task.id, end).await.unwrap();
    check(&room, &store, &[over]).await;
}

// L32
#[tokio::test]
async fn a_write_is_done_before_it_is_reported_and_even_if_nobody_waits() {
    let room = Room::new();
    let store = room.open();
    let task = room.running(&store).await;
    {
        let (session, update) = (session(), append(&task, "abandoned"));
        let write = store.update(&session, &task.id, update);
        // Polled once, so that it is on its way, and then dropped.
        futures::pin_mut!(write);
        let _ = futures::poll!(write);
    }
    let after = store.update(&session(), &task.id, append(&task, "waited for")).await.unwrap();
    assert_eq!(after.artifacts.len(), 2);
}

/// Takes the eleventh version of a file back to the tenth.
const BEFORE_PRIORITIES: &str = "DROP INDEX tasks_due_in_turn; DROP INDEX tasks_at_work; DROP INDEX tasks_at_work_of_kind;
    ALTER TABLE tasks DROP COLUMN priority;
    CREATE INDEX tasks_due_in_turn ON tasks (kind, code, session, due_at) WHERE due_at IS NOT NULL; PRAGMA user_version = 10;";
/// Takes the tenth version of a file back to the ninth.
const BEFORE_BIRTHS: &str = "DROP TABLE forgotten; PRAGMA user_version = 9;";
/// Takes the ninth version of a file back to the eighth.
const BEFORE_LISTS: &str = "DROP INDEX tasks_listed; DROP INDEX tasks_of_group; DROP INDEX tasks_of_name;
    DROP INDEX tasks_live_children; DROP INDEX sessions_of_state;
    CREATE INDEX tasks_of_session ON tasks (session); PRAGMA user_version = 8;";
/// Takes the eighth version of a file back to the seventh.
const BEFORE_EXTERNAL: &str = "DROP INDEX tasks_external_ends; DROP INDEX tasks_external_cancel;
    ALTER TABLE tasks DROP COLUMN external_ends_at; ALTER TABLE tasks DROP COLUMN external_cancel; PRAGMA user_version = 7;";
/// Takes the seventh version of a file back to the sixth.
const BEFORE_SESSIONS: &str = "DROP TABLE canceled_lineages; DROP INDEX sessions_ending; DROP INDEX sessions_of_owner;
    ALTER TABLE sessions DROP COLUMN state; ALTER TABLE sessions DROP COLUMN record; ALTER TABLE sessions DROP COLUMN ending;
    ALTER TABLE sessions DROP COLUMN owner_id; ALTER TABLE sessions DROP COLUMN owner_task_id; PRAGMA user_version = 6;";
/// Takes the sixth version of a file back to the fifth.
const BEFORE_RUNS: &str = "DROP INDEX tasks_of_run; ALTER TABLE tasks DROP COLUMN run_id; PRAGMA user_version = 5;";

// L45: a session of a file from before sessions had a life is open since its first task.
#[tokio::test]
async fn a_session_of_an_older_file_has_been_open_since_its_first_task() {
    let room = Room::new();
    let store = room.open();
    let task = room.running(&store).await;
    drop(store);
    room.bare().execute_batch(BEFORE_PRIORITIES).expect("a file of the tenth version");
    room.bare().execute_batch(BEFORE_BIRTHS).expect("a file of the ninth version");
    room.bare().execute_batch(BEFORE_LISTS).expect("a file of the eighth version");
    room.bare().execute_batch(BEFORE_EXTERNAL).expect("a file of the seventh version");
    room.bare().execute_batch(BEFORE_SESSIONS).expect("a file of the sixth version");
    let store = room.open();
    let record = store.session(&session()).await.unwrap();
    assert_eq!((record.state, record.opened_at, record.owner), (SessionState::Open, task.created_at, None));
    let closed = store.close_session(&session(), CloseOrder::default()).await.unwrap().session;
    assert_eq!(closed.state, SessionState::Closed);
    let new = NewTask::new(TaskId::new(store.now(), [200; 10]), session(), "probe", serde_json::json!({}));
    let error = store.create(new).await.expect_err("it takes no tasks any more");
    assert!(matches!(error, StoreError::SessionRejected { .. }), "{error}");
}

// L36, L37: a file from before there were leases.
#[tokio::test]
async fn a_file_of_the_first_version_is_brought_up_to_date() {
    let room = Room::new();
    let store = room.open();
    let (held, over) = (room.running(&store).await, room.running(&store).await);
    let end = TaskUpdate { fence: Some(over.fence()), state: Some(State::Succeeded), ..TaskUpdate::default() };
    let over = store.update(&session(), &over.id, end).await.unwrap();
    drop(store);
    room.bare().execute_batch(BEFORE_PRIORITIES).expect("a file of the tenth version");
    room.bare().execute_batch(BEFORE_BIRTHS).expect("a file of the ninth version");
    room.bare().execute_batch(BEFORE_LISTS).expect("a file of the eighth version");
    room.bare().execute_batch(BEFORE_EXTERNAL).expect("a file of the seventh version");
    room.bare().execute_batch(BEFORE_SESSIONS).expect("a file of the sixth version");
    room.bare().execute_batch(BEFORE_RUNS).expect("a file of the fifth version");
    let back = "DROP TABLE hosts; DROP TABLE wake_claims; DROP INDEX tasks_finished; DROP INDEX messages_held; ALTER TABLE tasks DROP COLUMN finished_at;
                DROP INDEX tasks_code; DROP INDEX tasks_due; DROP INDEX tasks_due_in_turn; ALTER TABLE tasks DROP COLUMN code;
                CREATE INDEX tasks_due ON tasks (kind, due_at) WHERE due_at IS NOT NULL;
                PRAGMA user_version = 1;";
    room.bare().execute_batch(back).expect("a file of the first version");
    let store = room.open();
    let lapsed = store.lapsed(0, 10).await.unwrap().tasks;
    assert_eq!(lapsed, [(session(), held.id.clone())], "nobody can say that its host lives");
    let at = over.finished_at.unwrap();
    let just_after = at + chrono::TimeDelta::milliseconds(1);
    assert_eq!(store.finished(at, None, 10).await.unwrap().tasks, []);
    assert_eq!(store.finished(just_after, None, 10).await.unwrap().tasks, [(session(), over.id.clone())]);
    check(&room, &store, &[held, over]).await;
}

#[tokio::test]
async fn what_belongs_to_a_run_is_found_in_a_file_from_before_runs_could_be_looked_up() {
    let room = Room::new();
    let store = room.open();
    let plain = room.running(&store).await;
    let id = TaskId::new(store.now(), [200; 10]);
    let parent = Lineage { run_id: Some("run-7".to_owned()), ..Lineage::default() };
    let new = NewTask { parent, ..NewTask::new(id, session(), "probe", serde_json::json!({})) };
    let of_run = store.create(new).await.unwrap().task;
    drop(store);
    room.bare().execute_batch(BEFORE_PRIORITIES).expect("a file of the tenth version");
    room.bare().execute_batch(BEFORE_BIRTHS).expect("a file of the ninth version");
    room.bare().execute_batch(BEFORE_LISTS).expect("a file of the eighth version");
    room.bare().execute_batch(BEFORE_EXTERNAL).expect("a file of the seventh version");
    room.bare().execute_batch(BEFORE_SESSIONS).expect("a file of the sixth version");
    room.bare().execute_batch(BEFORE_RUNS).expect("a file of the fifth version");
    let store = room.open();
    let filter = TaskFilter { run_id: Some("run-7".to_owned()), ..TaskFilter::default() };
    let query = TaskQuery { filter, ..TaskQuery::default() };
    assert_eq!(store.list(&session(), &query).await.unwrap().tasks, std::slice::from_ref(&of_run));
    check(&room, &store, &[plain, of_run]).await;
}
