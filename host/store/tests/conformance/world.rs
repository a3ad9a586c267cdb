//! A store to test, with clocks that the test turns and shorthands for what most cases need.
//! Does not hide what a case is about: a case calls the verb itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use serde_json::{Value, json};
use taskwright_registry::{
    Artifact, Direction, Event, Fence, HostId, HostRef, LeaseLength, MessageId, NewInputRequest, NewMessage, NewTask,
    Part, SessionId, State, Task, TaskId, TaskUpdate, Timestamp, WakePolicy,
};
use taskwright_store::{
    ClaimRequest, Claimed, LeaseTime, MemoryStore, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store,
    StoreError,
};

use taskwright_test_postgres as server;

/// The kind of all tasks that a case does not care about.
pub(crate) const KIND: &str = "probe";

/// A clock that stands still until it is turned.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    fn read(&self) -> Timestamp {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).expect("a time in range")
    }
}

/// The clock of leases: it stands still too, and has nothing to do with the other.
#[derive(Clone, Default)]
pub(crate) struct TestLeaseClock {
    millis: Arc<AtomicU64>,
    boots: Arc<AtomicU64>,
}

impl TestLeaseClock {
    pub(crate) fn advance(&self, time: Duration) {
        self.millis.fetch_add(time.as_millis().try_into().expect("a short time"), Ordering::SeqCst);
    }

    /// The machine starts anew: its clock begins again.
    pub(crate) fn reboot(&self) {
        self.boots.fetch_add(1, Ordering::SeqCst);
        self.millis.store(0, Ordering::SeqCst);
    }

    fn read(&self) -> LeaseTime {
        let era = format!("boot {}", self.boots.load(Ordering::SeqCst)).into();
        LeaseTime { era, millis: self.millis.load(Ordering::SeqCst) }
    }
}

/// A store to test.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: TestClock,
    pub(crate) lease_clock: TestLeaseClock,
    pub(crate) session: SessionId,
    drawn: AtomicU64,
    _folder: Option<tempfile::TempDir>,
}

fn run(
    make: impl AsyncFnOnce(TestClock, TestLeaseClock) -> (Arc<dyn Store>, Option<tempfile::TempDir>),
    case: impl AsyncFnOnce(World),
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let clock = TestClock(Arc::new(AtomicI64::new(1_800_000_000_000)));
        let lease_clock = TestLeaseClock::default();
        let (store, folder) = make(clock.clone(), lease_clock.clone()).await;
        let session = "session-1".parse().expect("a session id");
        let world = World { store, clock, lease_clock, session, drawn: AtomicU64::new(0), _folder: folder };
        // Most cases are not about leases: the hosts that they claim for have them.
        for number in 0..20 {
            world.store.open_lease(&world.host(number), LeaseLength::default()).await.expect("a lease");
        }
        case(world).await;
    });
}

pub(crate) fn memory(case: impl AsyncFnOnce(World)) {
    let make = async |clock: TestClock, lease_clock: TestLeaseClock| {
        let (clock, lease_clock) = (Arc::new(move || clock.read()), Arc::new(move || lease_clock.read()));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::with_clocks(clock, lease_clock));
        (store, None)
    };
    run(make, case);
}

pub(crate) fn sqlite(case: impl AsyncFnOnce(World)) {
    let make = async |clock: TestClock, lease_clock: TestLeaseClock| {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, lease_clock) = (Arc::new(move || clock.read()), Arc::new(move || lease_clock.read()));
        let options = SqliteOptions { clock, lease_clock, ..SqliteOptions::default() };
        let store = SqliteStore::open(folder.path().join("tasks.db"), options).expect("a store");
        let store: Arc<dyn Store> = Arc::new(store);
        (store, Some(folder))
    };
    run(make, case);
}

/// Each case has a schema of its own in one server.
pub(crate) fn postgres(case: impl AsyncFnOnce(World)) {
    static SCHEMAS: AtomicU64 = AtomicU64::new(0);
    let address = match server::address() {
        Ok(address) => address,
        Err(why) => return server::skipped(why),
    };
    let make = async |clock: TestClock, lease_clock: TestLeaseClock| {
        let options = PostgresOptions {
            // As many as the cases have writers at one time, and few enough for all cases together.
            connections: 4,
            schema: format!("case_{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::SeqCst)),
            clock: Some(Arc::new(move || clock.read())),
            lease_clock: Some(Arc::new(move || lease_clock.read())),
            ..PostgresOptions::default()
        };
        let store: Arc<dyn Store> = Arc::new(PostgresStore::open(address, options).await.expect("a store"));
        (store, None)
    };
    run(make, case);
}

/// A session that has nothing to do with the world's own.
pub(crate) fn stranger() -> SessionId {
    "stranger".parse().expect("a session id")
}

impl World {
    /// Bits that are never drawn twice.
    pub(crate) fn random(&self) -> [u8; 10] {
        let mut bits = [0; 10];
        bits[2..].copy_from_slice(&self.drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        bits
    }

    pub(crate) fn task_id(&self) -> TaskId {
        TaskId::new(self.store.now(), self.random())
    }

    pub(crate) fn message_id(&self) -> MessageId {
        MessageId::new(self.store.now(), self.random())
    }

    pub(crate) fn host(&self, number: u8) -> HostRef {
        HostRef { id: HostId::new(DateTime::UNIX_EPOCH, [number; 10]), epoch: 1 }
    }

    pub(crate) fn new_task(&self) -> NewTask {
        NewTask::new(self.task_id(), self.session.clone(), KIND, json!({"n": 1.1, "nested": {"list": [1, 2, 3]}}))
    }

    pub(crate) async fn created(&self) -> Task {
        self.store.create(self.new_task()).await.expect("creation").task
    }

    pub(crate) async fn created_with(&self, policy: WakePolicy) -> Task {
        let new = NewTask { wake_policy: policy, ..self.new_task() };
        self.store.create(new).await.expect("creation").task
    }

    pub(crate) fn request(&self, host: u8) -> ClaimRequest {
        ClaimRequest::new(self.host(host), vec![KIND.into()], 100)
    }

    pub(crate) async fn claim(&self, task: &Task) -> Claimed {
        let request = ClaimRequest { only: Some(task.id.clone()), ..self.request(1) };
        self.store.claim(&request).await.expect("a claim").pop().expect("the task is due")
    }

    /// A task that a host has claimed.
    pub(crate) async fn running(&self) -> Task {
        let task = self.created().await;
        self.claim(&task).await.task
    }

    pub(crate) async fn running_with(&self, policy: WakePolicy) -> Task {
        let task = self.created_with(policy).await;
        self.claim(&task).await.task
    }

    /// A task in a state that it has come to as tasks do.
    pub(crate) async fn in_state(&self, state: State) -> Task {
        match state {
            State::Queued => self.created().await,
            State::Running => self.running().await,
            State::AwaitingInput => {
                let task = self.running().await;
                self.update(&task, self.question(&task, "which?")).await
            }
            State::Succeeded | State::Failed | State::Canceled => {
                let task = self.running().await;
                self.update(&task, to(&task, state)).await
            }
        }
    }

    pub(crate) fn question(&self, task: &Task, prompt: &str) -> TaskUpdate {
        let request = NewInputRequest { prompt: prompt.to_owned(), expected: None, random: self.random() };
        TaskUpdate { fence: Some(task.fence()), input_request: Some(request), ..TaskUpdate::default() }
    }

    pub(crate) async fn update(&self, task: &Task, update: TaskUpdate) -> Task {
        self.try_update(task, update).await.expect("an accepted update")
    }

    pub(crate) async fn try_update(&self, task: &Task, update: TaskUpdate) -> Result<Task, StoreError> {
        self.store.update(&task.session_id, &task.id, update).await
    }

    pub(crate) async fn get(&self, task: &Task) -> Task {
        self.store.get(&task.session_id, &task.id).await.expect("the task")
    }

    pub(crate) async fn result(&self, task: &Task) -> Option<Value> {
        self.store.result(&task.session_id, &task.id).await.expect("a result")
    }

    pub(crate) fn inbound(&self, text: &str) -> NewMessage {
        NewMessage {
            id: self.message_id(),
            fence: None,
            direction: Direction::Inbound,
            parts: vec![Part::Text(text.to_owned())],
            in_reply_to: None,
        }
    }

    pub(crate) fn outbound(&self, fence: Fence, text: &str) -> NewMessage {
        NewMessage { fence: Some(fence), direction: Direction::Outbound, ..self.inbound(text) }
    }

    /// The whole log of the world's session.
    pub(crate) async fn log(&self) -> Vec<Event> {
        let mut log = Vec::new();
        loop {
            let page = self.store.events(&self.session, log.len() as u64, 1_000).await.expect("events");
            if page.events.is_empty() {
                assert_eq!(page.last, log.len() as u64);
                return log;
            }
            log.extend(page.events);
        }
    }

    /// Everything that a session can see of a task, to compare it before and after.
    pub(crate) async fn all_of(&self, task: &Task) -> impl PartialEq + std::fmt::Debug + use<> {
        let (session, id) = (&task.session_id, &task.id);
        let page = taskwright_store::MessagePage { after: None, limit: 500 };
        (
            self.get(task).await,
            self.store.checkpoint(session, id).await,
            self.store.result(session, id).await,
            self.store.messages(session, id, &page).await,
            self.store.unread(session, id, 500).await,
            self.store.events(session, 0, 1_000).await,
            self.store.wakes(session, 1_000).await,
        )
    }
}

/// An update of the current instance that asks for a state.
pub(crate) fn to(task: &Task, state: State) -> TaskUpdate {
    TaskUpdate { fence: Some(task.fence()), state: Some(state), ..TaskUpdate::default() }
}

/// An update of the current instance that sets the detail.
pub(crate) fn detail(task: &Task, text: &str) -> TaskUpdate {
    TaskUpdate { fence: Some(task.fence()), state_detail: Some(Some(text.to_owned())), ..TaskUpdate::default() }
}

pub(crate) fn artifact(name: &str) -> Artifact {
    Artifact { name: name.to_owned(), media_type: "text/plain".to_owned(), path: None, url: None, bytes: Some(3) }
}
