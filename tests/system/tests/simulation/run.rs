//! One run: what is done to the hosts and by the session's user, and what must have come of it.
//! Does not know how a host works.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use taskwright_runner::registry::{Backoff, EventBody, LeaseLength, Part, Recovery, State, Task, TaskId, WakePolicy};
use taskwright_runner::store::{Store, TaskFilter, TaskQuery};
use taskwright_runner::{Runner, RunnerConfig, RunnerError, RunnerParts, Session, SessionFiles};
use taskwright_system_tests::{Link, LinkedStore, Watch, WatchedWalkthrough, check_session, store_on_virtual_time};
use tokio::time::{sleep, timeout};

/// What happens in one run.
const EVENTS: usize = 120;
/// Tasks that are created while it goes on.
const TASKS: usize = 40;
/// Hosts at one time.
const HOSTS: usize = 3;
const LEASE: Duration = Duration::from_secs(2);
/// Of virtual time, for what is left once nothing goes wrong any more.
const PATIENCE: Duration = Duration::from_secs(3_600);

struct Host {
    runner: Runner,
    link: Link,
}

/// What a task has to bring about.
struct Wanted {
    id: TaskId,
    steps: usize,
    talks: bool,
    sent: Vec<String>,
    canceled: bool,
    bound: bool,
}

struct World {
    random: StdRng,
    store: Arc<dyn Store>,
    files: SessionFiles,
    session: Session,
    watch: Watch,
    hosts: Vec<Host>,
    wanted: Vec<Wanted>,
}

/// Runs a seed and gives the session's log as text.
pub(crate) async fn simulate(seed: u64) -> String {
    let mut world = World::new(seed);
    for _ in 0..HOSTS {
        world.start_host();
    }
    for _ in 0..EVENTS {
        let pause = world.random.random_range(0..1_500);
        sleep(Duration::from_millis(pause)).await;
        world.something_happens().await;
    }
    world.heal();
    if timeout(PATIENCE, world.work_off()).await.is_err() {
        let mut left = String::new();
        for task in world.live().await {
            left.push_str(&world.life_of(&task).await);
        }
        panic!(
            "all comes to an end once nothing goes wrong any more, but these live, and {:#?}:\n{left}",
            world.store.hosts().await
        );
    }
    world.check().await;
    world.log().await
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let store: Arc<dyn Store> = Arc::new(store_on_virtual_time());
        let (files, watch) = (SessionFiles::in_memory(), Watch::default());
        let config = RunnerConfig { seed: Some(random.random()), ..RunnerConfig::default() };
        let user = RunnerParts::new(store.clone(), files.clone()).config(config).runner();
        user.add_native_kind(WatchedWalkthrough(watch.clone())).expect("the walkthrough");
        let session = user.session("here".parse().expect("a session id"));
        Self { random, store, files, session, watch, hosts: Vec::new(), wanted: Vec::new() }
    }

    fn start_host(&mut self) {
        let link = Link::default();
        let store = LinkedStore::new(self.store.clone(), link.clone(), self.random.random());
        let config = RunnerConfig {
            seed: Some(self.random.random()),
            lease: LeaseLength::new(LEASE).expect("a length"),
            crash_limit: 1_000,
            slots: 8,
            drain_grace: Duration::from_millis(500),
            ..RunnerConfig::default()
        };
        let runner = RunnerParts::new(Arc::new(store), self.files.clone()).config(config).runner();
        runner.add_native_kind(WatchedWalkthrough(self.watch.clone())).expect("the walkthrough");
        runner.serve();
        self.hosts.push(Host { runner, link });
    }

    async fn something_happens(&mut self) {
        match self.random.random_range(0..100) {
            0..40 => self.create().await,
            40..70 => self.be_busy().await,
            70..75 => self.cancel_one().await,
            75..82 => {
                let host = self.take_host();
                host.link.cut();
                self.start_host();
            }
            82..93 => {
                let (host, time) = (self.random.random_range(0..self.hosts.len()), self.random.random_range(0.1..3.0));
                let link = self.hosts[host].link.clone();
                link.hold();
                tokio::spawn(async move {
                    sleep(LEASE.mul_f64(time)).await;
                    link.release();
                });
            }
            _ => {
                let host = self.take_host();
                tokio::spawn(async move { host.runner.drain().await });
                self.start_host();
            }
        }
    }

    fn take_host(&mut self) -> Host {
        let host = self.random.random_range(0..self.hosts.len());
        self.hosts.remove(host)
    }

    async fn create(&mut self) {
        if self.wanted.len() == TASKS {
            return;
        }
        let ask = |hibernating| json!({"ask": {"prompt": "Which?", "hibernating": hibernating}});
        let fail = json!({"fail": {"kind": "odd", "message": "m", "retry": "backoff", "until_attempt": 3}});
        let sorts = [
            json!([{"say": "a"}, {"sleep_ms": 2_000}, {"artifact": {"name": "a.txt", "text": "a"}}, {"sleep_ms": 3_000}]),
            json!([{"hibernate_ms": 1_500}, {"post": "half"}, {"hibernate_ms": 4_000}, {"link": ["l"]}]),
            json!([ask(false), {"sleep_ms": 500}, ask(true), {"state": "asked"}]),
            json!([{"progress": {"current": 1}}, fail, {"sleep_ms": 700}]),
            json!([{"stay": true}]),
        ];
        let sort = self.random.random_range(0..sorts.len());
        let steps: &Value = &sorts[sort];
        let bound = self.random.random_bool(0.2);
        let mut request = self.session.task("walkthrough", json!({ "steps": steps }));
        if bound {
            request = request.recovery(Recovery::HostBound);
        }
        let backoff = Backoff { initial_ms: 500, factor: 2.0, max_ms: 5_000 };
        let request = request.wake(WakePolicy::OnTerminal).max_attempts(5).backoff(backoff);
        let task = request.create().await.expect("created");
        let steps = steps.as_array().expect("steps").len();
        self.wanted.push(Wanted { id: task.id, steps, talks: sort == 4, sent: Vec::new(), canceled: false, bound });
    }

    async fn get(&self, id: &TaskId) -> Task {
        self.session.get(id).await.expect("the task")
    }

    /// The session's user answers what is asked, and says something where somebody listens.
    async fn be_busy(&mut self) {
        for number in 0..self.wanted.len() {
            let task = self.get(&self.wanted[number].id).await;
            if task.state == State::AwaitingInput {
                match self.session.answer(&task.id, Part::Text("this".to_owned())).await {
                    Ok(_) | Err(RunnerError::NothingAsked { .. } | RunnerError::Send(_) | RunnerError::Store(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            if self.wanted[number].talks && self.random.random_bool(0.3) {
                let text = format!("m{}", self.wanted[number].sent.len());
                self.say(number, &text).await;
            }
        }
    }

    async fn say(&mut self, number: usize, text: &str) {
        let wanted = &mut self.wanted[number];
        let sent = self.session.send(&wanted.id, vec![Part::Text(text.to_owned())], None).await;
        if sent.is_ok() {
            wanted.sent.push(text.to_owned());
        }
    }

    async fn cancel_one(&mut self) {
        if self.wanted.is_empty() {
            return;
        }
        let number = self.random.random_range(0..self.wanted.len());
        let wanted = &mut self.wanted[number];
        self.session.cancel(&wanted.id, None).await.expect("a wish");
        wanted.canceled = true;
    }

    /// From here on nothing goes wrong that has not gone wrong already.
    fn heal(&mut self) {
        for host in &self.hosts {
            host.link.release();
        }
        self.start_host();
    }

    async fn live(&self) -> Vec<Task> {
        let filter = TaskFilter { states: State::LIVE.to_vec(), ..TaskFilter::default() };
        let query = TaskQuery { filter, ..TaskQuery::default() };
        self.session.list(&query).await.expect("a list").tasks
    }

    async fn work_off(&mut self) {
        for number in 0..self.wanted.len() {
            if self.wanted[number].talks {
                self.say(number, "finish").await;
            }
        }
        loop {
            if self.live().await.is_empty() {
                return;
            }
            let finished = std::mem::take(&mut self.wanted);
            for wanted in &finished {
                if self.get(&wanted.id).await.state == State::AwaitingInput {
                    self.session.answer(&wanted.id, Part::Text("this".to_owned())).await.ok();
                }
            }
            self.wanted = finished;
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// What the log says of a task, a line each.
    async fn life_of(&self, task: &Task) -> String {
        let checkpoint = self.store.checkpoint(&task.session_id, &task.id).await.expect("a checkpoint");
        let checkpoint = checkpoint.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let mut text = format!("{} {:?} {:?} {checkpoint:?}\n", task.id, task.state, task.dispatch);
        let mut events = self.session.task_events(&task.id, 0);
        while let Some(event) = events.try_next().await.expect("the log") {
            let line = match &event.body {
                EventBody::Updated { task, changes } => {
                    format!("{changes:?} {} attempt {} {:?}", task.state, task.attempt, task.dispatch)
                }
                body => format!("{body:?}"),
            };
            text.push_str(&format!("  {} {line}\n", event.at));
        }
        text
    }

    async fn check(&self) {
        // L37: an instance is stopped before its task can be taken over.
        assert_eq!(self.watch.overlaps(), Vec::<String>::new());
        let wakes = self.session.wakes(1_000).await.expect("wakes");
        for wanted in &self.wanted {
            let task = self.get(&wanted.id).await;
            assert_eq!(wakes.iter().filter(|wake| wake.task_id == task.id).count(), 1, "one wake: {task:?}");
            if wanted.bound {
                assert_eq!(task.crashes, 0, "{task:?}");
                assert!(self.watch.starts(&task.id) <= 1 + task.retries, "it was started again: {task:?}");
            }
            match task.state {
                State::Succeeded => self.check_result(wanted, &task).await,
                State::Canceled => assert!(wanted.canceled, "{task:?}"),
                State::Failed => {
                    let error = task.error.as_ref().map(|error| error.kind.as_str());
                    let fits = wanted.bound && matches!(error, Some("orphaned" | "interrupted"));
                    // A failure that is not retried because nobody wants the task any more.
                    assert!(fits || (wanted.canceled && error == Some("odd")), "{task:?}");
                }
                _ => panic!("{task:?}"),
            }
        }
        let broken = check_session(self.store.as_ref(), self.session.id()).await;
        assert!(broken.is_empty(), "{broken:#?}");
    }

    async fn check_result(&self, wanted: &Wanted, task: &Task) {
        let result = self.session.result(&task.id).await.expect("a result").expect("a result");
        assert_eq!(result["steps"], wanted.steps, "{task:?}");
        let heard = result["messages"].as_array().expect("messages").iter().filter_map(Value::as_str);
        let (mut heard, mut seen) = (heard.collect::<Vec<_>>(), std::collections::BTreeSet::new());
        heard.retain(|text| seen.insert(*text));
        assert_eq!(heard, wanted.sent, "{task:?}");
    }

    async fn log(&self) -> String {
        let mut events = self.session.events(0);
        let mut log = String::new();
        while let Some(event) = events.try_next().await.expect("the log") {
            log.push_str(&format!("{event:?}\n"));
        }
        log
    }
}
