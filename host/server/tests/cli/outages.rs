//! Several hosts on one PostgreSQL, while hosts and the database itself are killed, stopped and restarted under load.
//! Does not choose the moments well: the connections that are lost message by message in the store's tests do that.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use taskwright_registry::{
    Backoff, Direction, EventBody, MessageId, NewMessage, Part, SessionId, State, Task, TaskId, WakeCause, WakePolicy,
};
use taskwright_runner::{RunnerError, SendError, Session};
use taskwright_store::{PostgresOptions, PostgresStore, StoreError, TaskFilter, TaskQuery};
use taskwright_system_tests::check_session;
use taskwright_test_postgres::{Server, Stop, skipped};

use crate::place::{Place, signal_child};
use crate::user::User;

/// For how long something breaks; `TASKWRIGHT_OUTAGES` sets another time, in seconds.
const BREAKING: Duration = Duration::from_secs(40);
const HOSTS: usize = 3;
const SESSIONS: [&str; 4] = ["default", "ann", "bob", "eve"];
/// Tasks for each second of it.
const TASKS_A_SECOND: usize = 4;

/// What became of a call that the database may have kept from an answer.
trait Troubled {
    fn is_trouble(&self) -> bool;
}

impl Troubled for StoreError {
    fn is_trouble(&self) -> bool {
        matches!(self, StoreError::Unavailable { .. } | StoreError::Unknown { .. })
    }
}

impl Troubled for RunnerError {
    fn is_trouble(&self) -> bool {
        match self {
            RunnerError::Store(error) | RunnerError::Send(SendError::Store(error)) => error.is_trouble(),
            _ => false,
        }
    }
}

/// Makes a call as often as a person would: until the store says something about it.
async fn insist<T, E: Troubled + std::fmt::Debug>(call: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match call().await {
            Err(error) if error.is_trouble() => {
                assert!(Instant::now() < until, "the store does not come back: {error:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            said => return said,
        }
    }
}

/// A task that was told to be created.
struct Wanted {
    id: TaskId,
    session: Session,
    sort: &'static str,
    steps: usize,
}

fn sorts() -> [(&'static str, Value); 5] {
    let ask = |hibernating| json!({"ask": {"prompt": "Which?", "hibernating": hibernating}});
    [
        (
            "resident",
            json!([{"say": "a"}, {"sleep_ms": 1_500}, {"artifact": {"name": "a.txt", "text": "a"}}, {"sleep_ms": 1_000}, {"say": "b"}]),
        ),
        (
            "hibernating",
            json!([{"hibernate_ms": 500}, {"post": "half"}, {"hibernate_ms": 1_500}, {"hibernate_ms": 300}]),
        ),
        ("asking", json!([ask(false), {"sleep_ms": 300}, ask(true), {"say": "asked"}])),
        (
            "retrying",
            json!([{"say": "up"}, {"fail": {"kind": "odd", "message": "m", "retry": {"after_ms": 400}, "until_attempt": 3}}, {"say": "down"}]),
        ),
        ("talking", json!([{"stay": true}])),
    ]
}

async fn create(user: &User, number: usize) -> Vec<Wanted> {
    let session = user.in_session(SESSIONS[number % SESSIONS.len()]);
    let mut all = Vec::new();
    for (sort, steps) in sorts() {
        let created = insist(async || {
            let backoff = Backoff { initial_ms: 100, factor: 1.0, max_ms: 100 };
            let request = session.task("walkthrough", json!({ "steps": steps }));
            let request = request.wake(WakePolicy::OnTerminal).max_attempts(10).backoff(backoff);
            request.idempotency_key(format!("{sort}-{number}")).create_or_find().await
        });
        let task = created.await.expect("created").task;
        let steps = steps.as_array().expect("steps").len();
        all.push(Wanted { id: task.id, session: session.clone(), sort, steps });
    }
    all
}

/// The tasks of a session in some states.
async fn tasks(session: &Session, states: &[State]) -> Vec<Task> {
    let filter = TaskFilter { states: states.to_vec(), ..TaskFilter::all() };
    let query = TaskQuery { filter, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() };
    insist(async || session.list(&query).await).await.expect("a list").tasks
}

/// Answers what is asked.
async fn attend(user: &User) {
    for session in SESSIONS.map(|name| user.in_session(name)) {
        for task in tasks(&session, &[State::AwaitingInput]).await {
            match insist(async || session.answer(&task.id, Part::Text("this".to_owned())).await).await {
                // It may have been answered, or lost its question, since it was read.
                Ok(_)
                | Err(
                    RunnerError::NothingAsked { .. }
                    | RunnerError::Send(SendError::Terminated { .. } | SendError::Refused { .. }),
                ) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Tells what stays to finish.
async fn finish(user: &User, wanted: &[Wanted]) {
    for wanted in wanted.iter().filter(|wanted| wanted.sort == "talking") {
        let message = NewMessage {
            id: MessageId::new(user.store.now(), rand::random()),
            fence: None,
            direction: Direction::Inbound,
            parts: vec![Part::Text("finish".to_owned())],
            in_reply_to: None,
        };
        // The same id again is the same message.
        let send = async || user.store.record_message(wanted.session.id(), &wanted.id, message.clone()).await;
        insist(send).await.expect("accepted");
    }
}

/// Hosts, each of which may be gone or stand still.
struct Hosts<'p> {
    place: &'p Place,
    address: String,
    hosts: Vec<Option<Child>>,
    begun: usize,
}

impl<'p> Hosts<'p> {
    fn start(place: &'p Place, address: &str) -> Self {
        let mut hosts = Self { place, address: address.to_owned(), hosts: Vec::new(), begun: 0 };
        for number in 0..HOSTS {
            hosts.hosts.push(None);
            hosts.begin(number);
        }
        hosts
    }

    fn begin(&mut self, number: usize) {
        let args = ["--store", &self.address, "serve", "--lease", "2s", "--max-crashes", "1000", "--slots", "64"];
        let mut command = self.place.command(&[&args[..], &["--drain-grace", "1s"]].concat());
        self.begun += 1;
        // Nobody reads what it says meanwhile, and it is not to wait for that.
        let said = std::fs::File::create(self.place.path().join(format!("host-{}.log", self.begun))).expect("a file");
        let mut host = command.stdout(Stdio::piped()).stderr(said).spawn().expect("a host");
        let mut line = String::new();
        let read = BufReader::new(host.stdout.take().expect("it is read")).read_line(&mut line);
        assert!(read.is_ok_and(|read| read > 0) && line.contains("serving"), "host {}: {line}", self.begun);
        self.hosts[number] = Some(host);
    }

    fn get(&self, number: usize) -> &Child {
        self.hosts[number].as_ref().expect("it runs")
    }

    /// It is gone at once.
    fn kill(&mut self, number: usize) {
        let mut host = self.hosts[number].take().expect("it runs");
        host.kill().expect("a kill");
        host.wait().expect("an end");
    }

    /// It gives back what it has, and ends.
    fn stop(&mut self, number: usize) {
        let mut host = self.hosts[number].take().expect("it runs");
        signal_child(&host, "TERM");
        assert!(host.wait().expect("an end").success());
    }
}

impl Drop for Hosts<'_> {
    fn drop(&mut self) {
        for mut host in self.hosts.drain(..).flatten() {
            // What a failed test leaves behind.
            let _ = (host.kill(), host.wait());
        }
        if std::thread::panicking() {
            for number in 1..=self.begun {
                let path = self.place.path().join(format!("host-{number}.log"));
                let said = std::fs::read_to_string(path).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(8).collect();
                eprintln!("host {number}: {}", last.into_iter().rev().collect::<Vec<_>>().join("\n  "));
            }
        }
    }
}

/// Waits a moment, and keeps the session's user busy meanwhile.
async fn meanwhile(user: &User, time: Duration) {
    let until = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < until {
        attend(user).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

// L1, L19, L25, L29, L32, L36, L37, L39
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_and_a_database_that_die_again_and_again_lose_double_and_block_nothing() {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = match Server::make() {
        Ok(server) => server,
        Err(why) => return skipped(&why),
    };
    // What was told to be done has to be there when it was gone at once.
    server.set("synchronous_commit=on");
    server.begin().expect("a server");
    let place = Place::new();
    let mut hosts = Hosts::start(&place, &server.address());
    let store = PostgresStore::open(&server.address(), PostgresOptions::default()).await.expect("a store");
    let user = User::over(Arc::new(store), &place).await;
    let breaking = std::env::var("TASKWRIGHT_OUTAGES").ok().map(|text| text.parse().expect("seconds"));
    let breaking = breaking.map_or(BREAKING, Duration::from_secs);
    let most = TASKS_A_SECOND * usize::try_from(breaking.as_secs()).expect("a short time");
    let until = Instant::now() + breaking;
    let (mut wanted, mut broken, mut number) = (Vec::new(), BTreeMap::<&str, u32>::new(), 0);
    while Instant::now() < until {
        for _ in 0..2 {
            if wanted.len() >= most {
                break;
            }
            wanted.extend(create(&user, number).await);
            number += 1;
        }
        let host = random.random_range(0..HOSTS);
        let moment = |random: &mut StdRng, most: u64| Duration::from_millis(random.random_range(0..most));
        let what = match random.random_range(0..7) {
            0 | 1 => {
                hosts.kill(host);
                meanwhile(&user, moment(&mut random, 1_500)).await;
                hosts.begin(host);
                "a host was killed"
            }
            2 | 3 => {
                signal_child(hosts.get(host), "STOP");
                // Longer than its lease, or not.
                meanwhile(&user, moment(&mut random, 4_000)).await;
                signal_child(hosts.get(host), "CONT");
                "a host stood still"
            }
            4 => {
                hosts.stop(host);
                hosts.begin(host);
                "a host was told to stop"
            }
            other => {
                let how = if other == 5 { Stop::Immediate } else { Stop::Fast };
                server.stop(how);
                tokio::time::sleep(moment(&mut random, 3_000)).await;
                server.begin().expect("the server begins again");
                "the database was restarted"
            }
        };
        *broken.entry(what).or_default() += 1;
        meanwhile(&user, moment(&mut random, 1_000)).await;
    }
    finish(&user, &wanted).await;
    let rest = async {
        loop {
            attend(&user).await;
            let mut live = 0;
            for session in SESSIONS {
                live += tasks(&user.in_session(session), &State::LIVE).await.len();
            }
            if live == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(90), rest).await.is_err() {
        let mut stuck = Vec::new();
        for wanted in &wanted {
            let task = wanted.session.get(&wanted.id).await.expect("the task");
            if task.state.is_live() {
                stuck.push((wanted.sort, task));
            }
        }
        panic!("{} of {} do not end, after {broken:?}: {stuck:#?}", stuck.len(), wanted.len());
    }
    for number in 0..HOSTS {
        hosts.stop(number);
    }
    eprintln!("{} tasks, {broken:?}", wanted.len());
    check(&user, &wanted).await;
}

/// Each task that was told to be created has ended once, as it should, and its session was told once.
async fn check(user: &User, wanted: &[Wanted]) {
    let (mut crashes, mut created, mut ends) = (0, BTreeMap::<TaskId, u32>::new(), BTreeMap::<TaskId, u32>::new());
    for name in SESSIONS {
        let session: SessionId = name.parse().expect("a session id");
        let mut events = user.in_session(name).events(0);
        let mut before: BTreeMap<TaskId, Task> = BTreeMap::new();
        while let Some(event) = events.try_next().await.expect("the log") {
            let Some(task) = event.body.task().cloned() else { continue };
            if matches!(event.body, EventBody::Created { .. }) {
                *created.entry(task.id.clone()).or_default() += 1;
            }
            let was_live = before.insert(task.id.clone(), task.clone()).is_none_or(|before| before.state.is_live());
            if was_live && task.state.is_terminal() {
                *ends.entry(task.id.clone()).or_default() += 1;
            }
        }
        let broken = check_session(user.store.as_ref(), &session).await;
        assert!(broken.is_empty(), "{name}: {broken:#?}");
    }
    for wanted in wanted {
        let task = wanted.session.get(&wanted.id).await.expect("the task");
        assert_eq!(task.state, State::Succeeded, "{}: {:?}", wanted.sort, task.error);
        assert_eq!((created.remove(&wanted.id), ends.get(&wanted.id)), (Some(1), Some(&1)), "{task:?}");
        let wakes = user.store.wakes(wanted.session.id(), 1_000).await.expect("wakes");
        let woken = wakes.iter().filter(|wake| wake.task_id == wanted.id);
        assert_eq!(woken.filter(|wake| matches!(wake.cause, WakeCause::Terminal { .. })).count(), 1, "one wake");
        let result = wanted.session.result(&wanted.id).await.expect("a result").expect("a result");
        assert_eq!(result["steps"], wanted.steps, "{}", wanted.sort);
        crashes += task.crashes;
    }
    assert!(created.is_empty(), "nobody was told of these: {created:?}");
    assert!(crashes > 0, "a death that hits nothing proves nothing");
    let hosts = user.store.hosts().await.expect("hosts");
    assert!(hosts.iter().all(|host| !host.alive && host.resident == 0), "{hosts:?}");
}
