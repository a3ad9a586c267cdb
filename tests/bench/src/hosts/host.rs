//! The program that the measured hosts are: this one, with a hidden option. It prepares a database, fills it with tasks, creates
//! them at a pace, or is a host that runs them.
//! Does not measure anything: whoever starts it does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use taskwright_registry::{Description, Failure, Reattach};
use taskwright_runner::sandbox::{AttemptHost, Step, TaskContext};
use taskwright_runner::{
    Forgotten, KindSettings, NativeExecutor, NativeKind, Runner, RunnerConfig, RunnerParts, SessionFiles, async_trait,
};
use taskwright_store::{PostgresOptions, PostgresStore, Store, StoreError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::task::JoinSet;

use crate::table;

/// Over how many sessions tasks are spread.
const SESSIONS: usize = 64;
/// Callers that create tasks at one time.
const CREATORS: usize = 64;
/// How often a host says what it has begun.
const SAY_EVERY: Duration = Duration::from_millis(100);
/// The component: it looks for an environment, finds none, and says so in one line.
const COMPONENT: &[u8] = taskwright_test_guests::ENV_READER;

/// Microseconds since 1970.
pub(crate) fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// A kind that does nothing, and notes when it was begun.
struct Nothing(Arc<Mutex<Vec<u64>>>);

struct Begun(Arc<Mutex<Vec<u64>>>);

impl NativeKind for Nothing {
    fn description(&self) -> Description {
        Description {
            kind: "nothing".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "Does nothing.".to_owned(),
            spec_schema: json!({}),
            reattach: Reattach::Always,
            takes_messages: false,
            wants: Vec::new(),
        }
    }

    fn executor(&self, _: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        Box::new(Begun(self.0.clone()))
    }
}

#[async_trait]
impl NativeExecutor for Begun {
    async fn start(&self, task: TaskContext) -> Result<Step, Failure> {
        let made = task.task.spec["at"].as_u64().unwrap_or_default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(now_us().saturating_sub(made));
        Ok(Step::Succeeded { summary: None, result: None })
    }
}

/// A store whose calls are counted by verb.
struct Counted {
    inner: Arc<dyn Store>,
    calls: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Counted {
    async fn through<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(verb).or_default() += 1;
        call.await
    }
}

taskwright_runner::store::store_through!(Counted);

/// A runner over the database, what it calls, and what its native tasks note.
pub(crate) struct Host {
    runner: Runner,
    kind: String,
    begun: Arc<Mutex<Vec<u64>>>,
    calls: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Host {
    /// Opens one, for tasks of the `native` kind or of the `component`. It does not serve yet.
    pub(crate) async fn open(kind: &str, address: &str) -> Result<Self> {
        let inner = Arc::new(PostgresStore::open(address, PostgresOptions::default()).await?);
        let (begun, calls) = (Arc::default(), Arc::default());
        let store = Counted { inner, calls: Arc::clone(&calls) };
        // No task here has a file.
        let parts = RunnerParts::new(Arc::new(store), SessionFiles::in_memory());
        let runner = parts.config(RunnerConfig::default()).runner();
        let described = match kind {
            "native" => runner.add_native_kind(Nothing(Arc::clone(&begun)))?,
            "component" => runner.add_kind(COMPONENT, KindSettings::default()).await?,
            other => bail!("the kind is {other} and neither native nor component"),
        };
        Ok(Self { runner, kind: described.kind, begun, calls })
    }

    /// Creates a task in the session whose turn it is.
    pub(crate) async fn create(&self, number: usize) -> Result<()> {
        let session = self.runner.session(format!("bench-{}", number % SESSIONS).parse()?);
        session.task(&self.kind, self.spec()).create().await?;
        Ok(())
    }

    /// Forgets what was over so long ago.
    pub(crate) async fn prune(&self, older_than: Duration) -> Result<Forgotten> {
        Ok(self.runner.prune(older_than).await?)
    }

    fn spec(&self) -> Value {
        json!({"at": now_us()})
    }

    fn say(&self) {
        let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        if !begun.is_empty() {
            let words: Vec<String> = begun.iter().map(u64::to_string).collect();
            table::line(&format!("started {}", words.join(" ")));
        }
    }
}

/// Runs one verb: `KIND VERB ADDRESS …`.
pub(crate) async fn run(given: &[String]) -> Result<()> {
    let mut given = given.iter().map(String::as_str);
    let mut next = |what: &'static str| given.next().with_context(|| format!("expected {what}"));
    let (kind, verb) = (next("a kind")?, next("a verb")?);
    let host = Arc::new(Host::open(kind, next("an address")?).await?);
    match verb {
        // Opening the store has made its tables.
        "setup" => Ok(()),
        "fill" => fill(host, next("a number of tasks")?.parse()?).await,
        "trickle" => trickle(host, next("tasks in a second")?.parse()?, next("seconds")?.parse()?).await,
        "work" => work(host).await,
        other => bail!("the verb is {other}: expected setup, fill, trickle or work"),
    }
}

/// Creates so many tasks as fast as it goes.
async fn fill(host: Arc<Host>, tasks: usize) -> Result<()> {
    let mut creators = JoinSet::new();
    for first in 0..CREATORS {
        let host = host.clone();
        creators.spawn(async move {
            for number in (first..tasks).step_by(CREATORS) {
                host.create(number).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = creators.join_next().await {
        done??;
    }
    Ok(())
}

/// Creates so many tasks in each second, whether those before are accepted or not.
async fn trickle(host: Arc<Host>, rate: u32, seconds: u32) -> Result<()> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut created = JoinSet::new();
    for number in 0..rate * seconds {
        pace.tick().await;
        let host = host.clone();
        created.spawn(async move { host.create(number as usize).await });
    }
    while let Some(done) = created.join_next().await {
        done??;
    }
    Ok(())
}

/// Is a host until its input ends.
async fn work(host: Arc<Host>) -> Result<()> {
    let mut input = BufReader::new(tokio::io::stdin());
    table::line("ready");
    input.read_line(&mut String::new()).await?;
    host.runner.serve();
    let mut say = tokio::time::interval(SAY_EVERY);
    let mut rest = Vec::new();
    let end = input.read_to_end(&mut rest);
    tokio::pin!(end);
    loop {
        tokio::select! {
            _ = say.tick() => host.say(),
            ended = &mut end => {
                ended?;
                break;
            }
        }
    }
    host.runner.drain().await;
    host.say();
    let calls = host.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let words: Vec<String> = calls.iter().map(|(verb, count)| format!("{verb}={count}")).collect();
    table::line(&format!("calls {}", words.join(" ")));
    Ok(())
}
