//! The stores that are compared, with clocks that all of them share.
//! Does not choose what is done.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use taskwright_registry::{Phase, SessionId, Task, Timestamp};
use taskwright_store::{
    Clock, LeaseClock, LeaseTime, MemoryStore, MessagePage, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore,
    Store, TaskFilter, TaskQuery,
};

use super::command::{Command, without_id};
use super::draw::{Draw, sessions};
use crate::place::talk;

/// All stores.
pub(crate) struct Stores {
    clock: Arc<AtomicI64>,
    all: Vec<(&'static str, Arc<dyn Store>)>,
    schema: String,
    _folder: tempfile::TempDir,
}

impl Stores {
    pub(crate) async fn open(address: &str, seed: u64) -> Self {
        let clock = Arc::new(AtomicI64::new(1_800_000_000_000));
        let wall = {
            let clock = clock.clone();
            move || DateTime::from_timestamp_millis(clock.load(Ordering::SeqCst)).expect("a time in range")
        };
        let lease = {
            let clock = clock.clone();
            move || LeaseTime {
                era: Arc::from("era"),
                millis: clock.load(Ordering::SeqCst).try_into().expect("a time in range"),
            }
        };
        let (clock_of_all, lease_clock): (Clock, LeaseClock) = (Arc::new(wall), Arc::new(lease));
        let folder = tempfile::tempdir().expect("a folder");
        let memory = MemoryStore::with_clocks(clock_of_all.clone(), lease_clock.clone());
        let options =
            SqliteOptions { clock: clock_of_all.clone(), lease_clock: lease_clock.clone(), ..SqliteOptions::default() };
        let sqlite = SqliteStore::open(folder.path().join("tasks.db"), options).expect("a store");
        let schema = format!("seed_{seed}");
        let options = PostgresOptions {
            connections: 2,
            schema: schema.clone(),
            clock: Some(clock_of_all),
            lease_clock: Some(lease_clock),
            ..PostgresOptions::default()
        };
        let postgres = PostgresStore::open(address, options).await.expect("a store");
        let all: Vec<(&'static str, Arc<dyn Store>)> =
            vec![("memory", Arc::new(memory)), ("SQLite", Arc::new(sqlite)), ("PostgreSQL", Arc::new(postgres))];
        Self { clock, all, schema, _folder: folder }
    }

    /// Leaves nothing behind on the server.
    pub(crate) async fn close(self, address: &str) {
        let schema = self.schema.clone();
        drop(self);
        talk(address).await.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.expect("it is gone");
    }

    /// The one that what is drawn next is chosen by.
    pub(crate) fn first(&self) -> &dyn Store {
        self.all[0].1.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.first().now()
    }

    /// Does it everywhere.
    pub(crate) async fn run(&self, command: &Command) -> Result<(), String> {
        if let Command::Wait(millis) = command {
            self.clock.fetch_add(*millis, Ordering::SeqCst);
        }
        self.same("what is said", async |store| command.run(store).await).await
    }

    /// Whether all stores show the same: records, logs and wakes of all sessions, and what lies beside a record; of tasks that
    /// were touched last, or of all.
    pub(crate) async fn observe(&self, draw: &Draw, all: bool) -> Result<(), String> {
        for session in sessions() {
            self.same(&format!("{session}"), async |store| look(store, &session, all).await).await?;
        }
        for id in if all { draw.tasks() } else { draw.touched() } {
            for session in sessions() {
                let beside = async |store: &dyn Store| {
                    let page = MessagePage { after: None, limit: 500 };
                    format!(
                        "{:#?}",
                        (
                            store.get(&session, id).await,
                            store.messages(&session, id, &page).await,
                            store.unread(&session, id, 100).await,
                            store.checkpoint(&session, id).await,
                            store.result(&session, id).await,
                        )
                    )
                };
                if all || self.first().get(&session, id).await.is_ok() {
                    self.same(&format!("{id}"), beside).await?;
                }
            }
        }
        Ok(())
    }

    async fn same(&self, what: &str, ask: impl AsyncFn(&dyn Store) -> String) -> Result<(), String> {
        let (first, store) = &self.all[0];
        let expected = ask(store.as_ref()).await;
        for (name, store) in &self.all[1..] {
            let actual = ask(store.as_ref()).await;
            if actual != expected && shown(&actual) != shown(&expected) {
                let (expected, actual) = (shown(&expected), shown(&actual));
                return Err(format!("{what}: {first} and {name} differ:\n{}", difference(&expected, &actual)));
            }
        }
        Ok(())
    }
}

/// What a session shows, in few pages or, at times, in all ways.
async fn look(store: &dyn Store, session: &SessionId, all: bool) -> String {
    let query = TaskQuery { filter: TaskFilter::all(), limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
    let tasks: Vec<Task> = store.list(session, &query).await.expect("a list").tasks;
    let held = tasks.iter().filter(|task| task.dispatch.phase == Phase::Resident).count();
    let end = store.events(session, 0, 1).await.expect("a log").last;
    let after = if all { 0 } else { end.saturating_sub(10) };
    let log = store.events(session, after, 1_000).await.expect("a log");
    let wakes: Vec<_> = store.wakes(session, 1_000).await.expect("wakes").iter().map(without_id).collect();
    format!("{:#?}", (tasks, held, log, wakes, store.session(session).await))
}

/// The text without what schemas have worked out by now, which is no part of them.
fn shown(text: &str) -> String {
    let (mut kept, mut skipped) = (String::new(), None);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if skipped.is_none() && line.trim_start().starts_with("compiled: OnceLock(") {
            skipped = Some(indent);
        } else if skipped.is_none_or(|outer| indent <= outer) {
            skipped = None;
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The lines around the first that differ.
fn difference(expected: &str, actual: &str) -> String {
    let (one, other): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let first = one.iter().zip(&other).position(|(one, other)| one != other).unwrap_or(one.len().min(other.len()));
    let mut text = String::new();
    for (name, lines) in [("-", &one), ("+", &other)] {
        for line in lines.iter().skip(first.saturating_sub(6)).take(14) {
            let _ = writeln!(text, "{name} {line}");
        }
    }
    text
}
