//! Real processes that are killed at random moments, again and again, while they work on all sorts of tasks.
//! Does not choose the moments well: the crash explorer does that, call by call; this one has the real machine in it.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use taskwright_registry::{Backoff, Event, Part, State, Task, TaskId, WakePolicy};
use taskwright_runner::{RunnerError, SendError, TaskRequest};
use taskwright_store::TaskQuery;
use taskwright_system_tests::check_session;

use crate::place::{Place, Running};
use crate::user::User;

const KILLS: usize = 50;
/// Rounds that begin with a new task of each sort.
const ROUNDS: usize = 40;
const MESSAGES: usize = 6;

/// What a task has to bring about.
struct Wanted {
    id: TaskId,
    sort: &'static str,
    steps: usize,
    /// The texts that were sent and accepted, in order.
    sent: Vec<String>,
    /// How far the newest checkpoint that anybody saw was.
    furthest: u64,
}

fn sorts() -> [(&'static str, Value); 5] {
    let ask = |hibernating| json!({"ask": {"prompt": "Which?", "hibernating": hibernating}});
    [
        (
            "resident",
            json!([{"say": "a"}, {"sleep_ms": 300}, {"artifact": {"name": "a.txt", "text": "a"}}, {"sleep_ms": 400}, {"say": "b"}]),
        ),
        ("hibernating", json!([{"hibernate_ms": 150}, {"post": "half"}, {"hibernate_ms": 250}, {"hibernate_ms": 100}])),
        ("asking", json!([ask(false), {"sleep_ms": 50}, ask(true), {"say": "asked"}])),
        (
            "retrying",
            json!([{"say": "up"}, {"fail": {"kind": "odd", "message": "m", "retry": {"after_ms": 200}, "until_attempt": 3}}, {"say": "down"}]),
        ),
        ("talking", json!([{"stay": true}])),
    ]
}

async fn create(user: &User) -> Vec<Wanted> {
    let mut all = Vec::new();
    for (sort, steps) in sorts() {
        let count = steps.as_array().expect("steps").len();
        let backoff = Backoff { initial_ms: 100, factor: 1.0, max_ms: 100 };
        let request: TaskRequest<'_> = user.session.task("walkthrough", json!({ "steps": steps }));
        let request = request.wake(WakePolicy::OnTerminal).max_attempts(10).backoff(backoff);
        let task = request.create().await.expect("created");
        all.push(Wanted { id: task.id, sort, steps: count, sent: Vec::new(), furthest: 0 });
    }
    all
}

fn serve(place: &Place) -> Running {
    let mut serving =
        place.start(&["serve", "--lease", "1s", "--max-crashes", "1000", "--slots", "128", "--drain-grace", "1s"]);
    serving.until_out("serving");
    serving
}

/// What the session's user does meanwhile: answers what is asked, and sends what is still to be said.
async fn be_busy(user: &User, wanted: &mut [Wanted], random: &mut StdRng) {
    for wanted in wanted {
        let task = user.session.get(&wanted.id).await.expect("the task");
        if task.state == State::AwaitingInput {
            match user.session.answer(&wanted.id, Part::Text("this".to_owned())).await {
                // It may have been answered, or lost its question, since it was read.
                Ok(_)
                | Err(
                    RunnerError::NothingAsked { .. }
                    | RunnerError::Send(SendError::Terminated { .. } | SendError::Refused { .. }),
                ) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if wanted.sort == "talking" && wanted.sent.len() < MESSAGES && random.random_bool(0.05) {
            say(user, wanted, format!("m{}", wanted.sent.len())).await;
        }
        let next = user.memory(&task).await["next"].as_u64().unwrap_or(0);
        assert!(next >= wanted.furthest, "{} went back from step {} to {next}", wanted.id, wanted.furthest);
        wanted.furthest = next;
    }
}

async fn say(user: &User, wanted: &mut Wanted, text: String) {
    user.session.send(&wanted.id, vec![Part::Text(text.clone())], None).await.expect("accepted");
    wanted.sent.push(text);
}

/// 200 tasks of all sorts, 50 kills.
// L1, L19, L25, L29, L32, L36, L39
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_lose_nothing_of_two_hundred_tasks() {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let place = Place::new();
    place.run(&["kinds", "list"]);
    std::fs::create_dir_all(place.path().join(".taskwright")).unwrap();
    let user = User::of(&place).await;
    let mut wanted = Vec::new();
    for kill in 0..KILLS {
        if kill < ROUNDS {
            wanted.extend(create(&user).await);
        }
        let mut serving = serve(&place);
        let until = tokio::time::Instant::now() + Duration::from_millis(random.random_range(100..2_000));
        while tokio::time::Instant::now() < until {
            be_busy(&user, &mut wanted, &mut random).await;
        }
        serving.child.kill().expect("a kill");
        serving.child.wait().expect("an end");
        let live = user.session.list(&live()).await.expect("a list").tasks.len();
        eprintln!("kill {kill}: {live} live");
    }
    let serving = serve(&place);
    for wanted in wanted.iter_mut().filter(|wanted| wanted.sort == "talking") {
        while wanted.sent.len() < MESSAGES {
            let text = format!("m{}", wanted.sent.len());
            say(&user, wanted, text).await;
        }
        say(&user, wanted, "finish".to_owned()).await;
    }
    let rest = async {
        while !user.session.list(&live()).await.expect("a list").tasks.is_empty() {
            be_busy(&user, &mut wanted, &mut random).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(180), rest).await.expect("all come to their end");
    assert_eq!(serving.terminate().status, 0);
    check_all(&user, &wanted).await;
}

fn live() -> TaskQuery {
    let filter = taskwright_store::TaskFilter { states: State::LIVE.to_vec(), ..Default::default() };
    TaskQuery { filter, limit: TaskQuery::MAX_LIMIT, ..TaskQuery::default() }
}

async fn check_all(user: &User, wanted: &[Wanted]) {
    let mut outcomes: BTreeMap<TaskId, usize> = BTreeMap::new();
    for event in whole_log(user).await {
        let changed =
            |task: &Task, changes: &[String]| task.state.is_terminal() && changes.iter().any(|name| name == "state");
        if let taskwright_registry::EventBody::Updated { task, changes } = &event.body
            && changed(task, changes)
        {
            *outcomes.entry(task.id.clone()).or_default() += 1;
        }
    }
    let wakes = user.session.wakes(1_000).await.expect("wakes");
    let (mut crashes, mut attempts) = (0, 0);
    for wanted in wanted {
        let task = user.session.get(&wanted.id).await.expect("the task");
        assert_eq!(task.state, State::Succeeded, "{}: {:?}", wanted.sort, task.error);
        assert_eq!(outcomes.get(&wanted.id), Some(&1), "one outcome");
        assert_eq!(wakes.iter().filter(|wake| wake.task_id == wanted.id).count(), 1, "one wake");
        let result = user.session.result(&wanted.id).await.expect("a result").expect("a result");
        assert_eq!(result["steps"], wanted.steps, "{}", wanted.sort);
        let answers = result["answers"].as_array().expect("answers").len();
        assert_eq!(answers, if wanted.sort == "asking" { 2 } else { 0 }, "{}: {result}", wanted.sort);
        let mut heard: Vec<&str> =
            result["messages"].as_array().expect("messages").iter().filter_map(Value::as_str).collect();
        let mut seen = std::collections::BTreeSet::new();
        // One whose taking was not noted in time is given again; none is lost, and none overtakes another.
        heard.retain(|text| seen.insert(*text));
        assert_eq!(heard, wanted.sent, "{}", wanted.sort);
        crashes += task.crashes;
        attempts += task.attempt;
    }
    eprintln!("{} tasks, {attempts} attempts, {crashes} of them ended by a kill", wanted.len());
    assert!(crashes > 0, "a kill that hits nothing proves nothing");
    let broken = check_session(user.store.as_ref(), user.session.id()).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

async fn whole_log(user: &User) -> Vec<Event> {
    let (mut events, mut log) = (user.session.events(0), Vec::new());
    while let Some(event) = events.try_next().await.expect("the log") {
        log.push(event);
    }
    log
}
