//! The tables of the event log: made ahead, read as one log, and dropped whole when all in them is old.
//! Does not take single events away: the conformance suite does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use taskwright_registry::{NewTask, SessionId, Timestamp};
use taskwright_store::{PostgresOptions, PostgresStore, Store};
use tokio_postgres::Client;

use crate::place::{as_writer, database, new_task, server, session, talk};

/// Events of a table: a few, so that a case fills several.
const EACH: u32 = 32;

/// A store whose clock is turned by hand.
struct Stage {
    address: String,
    clock: Arc<AtomicI64>,
    store: PostgresStore,
    client: Client,
}

impl Stage {
    async fn set_up(server: &str) -> Self {
        let address = database(server).await;
        let clock = Arc::new(AtomicI64::new(1_000));
        let store = open(&address, &clock).await;
        let client = talk(&address).await;
        Self { client, address, clock, store }
    }

    fn now(&self) -> Timestamp {
        time(self.clock.load(Ordering::SeqCst))
    }

    /// Opens the store anew: that is one of the moments at which the next table is made.
    async fn open_again(&mut self) {
        self.store = open(&self.address, &self.clock).await;
    }

    /// Writes so many events to two sessions, a millisecond apart.
    async fn write(&self, events: usize) {
        for number in 0..events {
            self.clock.fetch_add(1, Ordering::SeqCst);
            let session_id = if number % 2 == 0 { session() } else { other() };
            self.store.create(NewTask { session_id, ..new_task(&self.store) }).await.expect("a task");
        }
    }

    /// The numbers of a session's events, and the first and last as the page has them.
    async fn log(&self, session: &SessionId) -> (Vec<u64>, u64, u64) {
        let page = self.store.events(session, 0, 1_000).await.expect("the log");
        (page.events.iter().map(|event| event.seq).collect(), page.first, page.last)
    }

    async fn count(&self, sql: &str) -> i64 {
        self.client.query_one(&format!("SELECT count(*) FROM {sql}"), &[]).await.expect("a count").get(0)
    }

    /// How many tables there are beside the one for the rest.
    async fn tables(&self) -> i64 {
        let listed = self.count("taskwright.event_partitions").await;
        assert_eq!(listed, self.count("pg_inherits WHERE inhparent = 'taskwright.events'::regclass").await - 1);
        listed
    }
}

async fn open(address: &str, clock: &Arc<AtomicI64>) -> PostgresStore {
    let clock = clock.clone();
    let options = PostgresOptions {
        connections: 2,
        events_per_table: EACH,
        clock: Some(Arc::new(move || time(clock.load(Ordering::SeqCst)))),
        ..PostgresOptions::default()
    };
    PostgresStore::open(address, options).await.expect("a store")
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_timestamp_millis(millis).expect("a time")
}

fn other() -> SessionId {
    "session-2".parse().expect("a session id")
}

// L25
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_events_go_a_table_at_a_time_and_what_stays_has_no_gap() {
    let Some(server) = server() else { return };
    let mut stage = Stage::set_up(server).await;
    assert_eq!(stage.tables().await, 1);
    stage.write(20).await;
    stage.open_again().await;
    // It was soon half full, so the next one is larger: 1 to 32, and 33 to 96.
    assert_eq!(stage.tables().await, 2);
    stage.write(50).await;
    stage.open_again().await;
    stage.write(50).await;
    let all = (1..=60).collect::<Vec<u64>>();
    assert_eq!((stage.tables().await, stage.count("taskwright.events_rest").await), (3, 0));
    assert_eq!(stage.log(&session()).await, (all.clone(), 1, 60));
    let at = |number: i64| time(1_000 + number);
    // Of the second table one event is too young: what is old in it is deleted.
    assert_eq!(stage.store.trim_log(at(96), 1_000).await, Ok(95));
    assert_eq!((stage.tables().await, stage.count("taskwright.events").await), (2, 25));
    assert_eq!(stage.log(&session()).await, ((49..=60).collect(), 49, 60));
    assert_eq!(stage.log(&other()).await, ((48..=60).collect(), 48, 60));
    // The newest table is never dropped.
    stage.clock.fetch_add(1_000, Ordering::SeqCst);
    assert_eq!(stage.store.trim_log(stage.now(), 1_000).await, Ok(25));
    assert_eq!((stage.tables().await, stage.count("taskwright.events").await), (1, 0));
    stage.write(2).await;
    assert_eq!(stage.log(&session()).await, (vec![61], 61, 61));
}

// L25: the clock went back; what is newer by its time keeps its table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_with_one_young_event_is_not_dropped() {
    let Some(server) = server() else { return };
    let mut stage = Stage::set_up(server).await;
    stage.write(10).await;
    let cut = stage.now() + chrono::TimeDelta::milliseconds(500);
    stage.clock.fetch_add(1_000, Ordering::SeqCst);
    stage.write(1).await;
    stage.clock.fetch_sub(1_000, Ordering::SeqCst);
    stage.write(10).await;
    stage.open_again().await;
    stage.write(30).await;
    assert_eq!(stage.tables().await, 2);
    assert_eq!(stage.store.trim_log(cut, 1_000).await, Ok(10));
    assert_eq!((stage.tables().await, stage.count("taskwright.events").await), (2, 41));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_somebody_reads_for_long_is_not_waited_for() {
    let Some(server) = server() else { return };
    let mut stage = Stage::set_up(server).await;
    stage.write(20).await;
    stage.open_again().await;
    stage.write(30).await;
    let backup = talk(&stage.address).await;
    backup.batch_execute("BEGIN; SELECT * FROM taskwright.events LIMIT 1").await.unwrap();
    let cut = stage.now();
    assert_eq!(stage.store.trim_log(cut, 40).await, Ok(40), "one by one, as many as wanted");
    assert_eq!(stage.tables().await, 2);
    stage.write(1).await;
    backup.batch_execute("COMMIT").await.unwrap();
    // One that knows nothing of the backup.
    stage.open_again().await;
    stage.store.trim_log(cut, 40).await.unwrap();
    assert_eq!((stage.tables().await, stage.count("taskwright.events").await), (1, 2));
}

// L25
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_for_which_no_table_was_made_in_time_are_part_of_the_log() {
    let Some(server) = server() else { return };
    let mut stage = Stage::set_up(server).await;
    stage.write(50).await;
    assert_eq!((stage.tables().await, stage.count("taskwright.events_rest").await), (1, 18));
    stage.open_again().await;
    stage.write(40).await;
    let rest = stage.count("taskwright.events_rest").await;
    assert!(stage.tables().await == 2 && (19..58).contains(&rest), "the next table begins a little further on: {rest}");
    assert_eq!(stage.log(&session()).await, ((1..=45).collect(), 1, 45));
    // The oldest table is dropped, and what has none is deleted.
    let cut = time(1_000 + 40);
    assert_eq!(stage.store.trim_log(cut, 1_000).await, Ok(39));
    assert_eq!((stage.tables().await, stage.log(&session()).await), (1, ((21..=45).collect(), 21, 45)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_owns_no_table_deletes_what_it_cannot_drop() {
    let Some(server) = server() else { return };
    let mut stage = Stage::set_up(server).await;
    stage.write(20).await;
    stage.open_again().await;
    stage.write(30).await;
    let address = as_writer(&stage.address, &format!("trimmer_{}", std::process::id())).await;
    let store = open(&address, &stage.clock).await;
    assert_eq!(store.trim_log(stage.now(), 1_000).await, Ok(49));
    assert_eq!(stage.tables().await, 2);
}
