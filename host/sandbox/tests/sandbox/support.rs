//! One sandbox for all tests, a task, and a host that writes down what a guest reports.
//! Does not judge anything.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use taskwright_registry::{
    Cancel, Direction, Links, Message, MessageId, NewTask, Part, Progress, Schema, TaskId, Timestamp, Usage, create,
};
use taskwright_sandbox::{
    Allowance, AttemptError, AttemptHost, Budget, Grants, Instance, Kind, LiveGrants, LoadError, NewArtifact,
    OutputStream, Refusal, Sandbox, SandboxConfig, Step, TaskContext,
};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(SandboxConfig { max_instances: 200, ..SandboxConfig::default() }).unwrap());

pub(crate) fn sandbox() -> &'static Sandbox {
    &SANDBOX
}

/// The kind of a guest; each is compiled once.
pub(crate) async fn kind(wasm: &'static [u8]) -> Arc<Kind> {
    static KINDS: LazyLock<AsyncMutex<HashMap<usize, Arc<Kind>>>> = LazyLock::new(AsyncMutex::default);
    let mut kinds = KINDS.lock().await;
    let key = wasm.as_ptr() as usize;
    if let Some(kind) = kinds.get(&key) {
        return kind.clone();
    }
    let kind = load(wasm).await.unwrap();
    kinds.insert(key, kind.clone());
    kind
}

pub(crate) async fn load(wasm: &[u8]) -> Result<Arc<Kind>, LoadError> {
    sandbox().load(wasm).await
}

/// What a guest has reported.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    State(Option<String>),
    Progress(Progress),
    Output(OutputStream, String),
    Post(Vec<Part>),
    Ask(String, Option<Schema>),
    Draft(String, Vec<u8>),
    Artifact(NewArtifact),
    Link(Links),
    Checkpoint(Vec<u8>),
}

/// A host that accepts everything and passes each report on.
pub(crate) struct Recorder {
    reports: mpsc::UnboundedSender<Report>,
    pub(crate) cancel: Mutex<Option<Cancel>>,
    /// The task's own folder.
    pub(crate) folder: Option<PathBuf>,
    /// How many turns of the runtime a question takes to be kept.
    pub(crate) asking: AtomicUsize,
}

impl Recorder {
    pub(crate) fn new(reports: mpsc::UnboundedSender<Report>) -> Self {
        Self { reports, cancel: Mutex::new(None), folder: None, asking: AtomicUsize::new(0) }
    }

    fn accept(&self, report: Report) -> Result<(), Refusal> {
        let _ = self.reports.send(report);
        Ok(())
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_timestamp_millis(1_700_000_000_000).unwrap()
}

#[async_trait]
impl AttemptHost for Recorder {
    async fn state(&self, detail: Option<String>) -> Result<(), Refusal> {
        self.accept(Report::State(detail))
    }
    async fn progress(&self, progress: Progress) -> Result<(), Refusal> {
        self.accept(Report::Progress(progress))
    }
    async fn output(&self, stream: OutputStream, text: String) -> Result<(), Refusal> {
        self.accept(Report::Output(stream, text))
    }
    async fn post(&self, parts: Vec<Part>, _in_reply_to: Option<String>) -> Result<String, Refusal> {
        self.accept(Report::Post(parts))?;
        Ok("tmsg_1".to_owned())
    }
    async fn request_input(&self, prompt: String, expected: Option<Schema>) -> Result<String, Refusal> {
        self.accept(Report::Ask(prompt, expected))?;
        for _ in 0..self.asking.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        Ok("inreq_1".to_owned())
    }
    async fn draft(&self, name: String, chunk: Vec<u8>) -> Result<(), Refusal> {
        self.accept(Report::Draft(name, chunk))
    }
    async fn artifact(&self, artifact: NewArtifact) -> Result<(), Refusal> {
        self.accept(Report::Artifact(artifact))
    }
    async fn link(&self, links: Links) -> Result<(), Refusal> {
        self.accept(Report::Link(links))
    }
    async fn checkpoint(&self, state: Vec<u8>) -> Result<(), Refusal> {
        self.accept(Report::Checkpoint(state))
    }
    fn cancel_requested(&self) -> Option<Cancel> {
        self.cancel.lock().unwrap().clone()
    }
    fn now(&self) -> Timestamp {
        now()
    }
    fn task_folder(&self) -> Result<PathBuf, Refusal> {
        self.folder.clone().ok_or_else(|| Refusal::Other("files are in memory here".to_owned()))
    }
}

/// An instance with what it reports.
pub(crate) struct Running {
    pub(crate) instance: Instance,
    pub(crate) host: Arc<Recorder>,
    pub(crate) reports: mpsc::UnboundedReceiver<Report>,
}

impl Running {
    pub(crate) async fn next(&mut self) -> Report {
        self.reports.recv().await.expect("the guest has not ended")
    }

    /// Everything that was reported and not looked at yet.
    pub(crate) fn rest(&mut self) -> Vec<Report> {
        std::iter::from_fn(|| self.reports.try_recv().ok()).collect()
    }

    /// All text of one stream.
    pub(crate) fn text(&mut self, wanted: OutputStream) -> String {
        let texts = self.rest().into_iter().filter_map(|report| match report {
            Report::Output(stream, text) if stream == wanted => Some(text),
            _ => None,
        });
        texts.collect()
    }

    /// Calls `start` beside whatever the test does next.
    pub(crate) fn start(&self) -> tokio::task::JoinHandle<Result<Step, AttemptError>> {
        let instance = self.instance.clone();
        tokio::spawn(async move { instance.start(context()).await })
    }
}

pub(crate) async fn instantiate(wasm: &'static [u8], budget: Budget, grants: Grants) -> Running {
    instantiate_in(wasm, budget, grants, None).await
}

/// With grants that may change, and a folder of the task's own.
pub(crate) async fn instantiate_in(
    wasm: &'static [u8],
    budget: Budget,
    grants: impl Into<LiveGrants>,
    folder: Option<&Path>,
) -> Running {
    let kind = kind(wasm).await;
    let (sender, reports) = mpsc::unbounded_channel();
    let folder = folder.map(Path::to_owned);
    let host = Arc::new(Recorder { folder, ..Recorder::new(sender) });
    Running { instance: kind.instantiate(host.clone(), budget, grants), host, reports }
}

/// An instance with files in a sandbox of a test's own, for a session, with no limit on open files but what the session has of the
/// host's.
pub(crate) async fn of_session(sandbox: &Sandbox, session: &str, folder: &Path, grants: Grants) -> Running {
    let kind = sandbox.load(taskwright_test_guests::FILE_SCRIPT).await.unwrap();
    let (sender, reports) = mpsc::unbounded_channel();
    let host = Arc::new(Recorder { folder: Some(folder.to_owned()), ..Recorder::new(sender) });
    let budget = Budget { open_files: u64::MAX, ..Budget::default() };
    let allowance = Allowance { budget, used: Usage::default(), owner: Some(session.to_owned()) };
    Running { instance: kind.instantiate(host.clone(), allowance, grants), host, reports }
}

pub(crate) async fn plain(wasm: &'static [u8]) -> Running {
    instantiate(wasm, Budget::default(), Grants::default()).await
}

/// Runs a guest's `start` to its end.
pub(crate) async fn run(wasm: &'static [u8], budget: Budget) -> (Result<Step, AttemptError>, Running) {
    let running = instantiate(wasm, budget, Grants::default()).await;
    let result = running.instance.start(context()).await;
    (result, running)
}

pub(crate) fn context() -> TaskContext {
    context_with(serde_json::json!({"n": 1}))
}

pub(crate) fn context_with(spec: serde_json::Value) -> TaskContext {
    let new = NewTask::new(TaskId::new(now(), [7; 10]), "session".parse().unwrap(), "test-guest", spec);
    TaskContext { task: create(new, now()).unwrap(), checkpoint: None }
}

pub(crate) fn message(text: &str) -> Message {
    Message {
        id: MessageId::new(now(), [1; 10]),
        task_id: context().task.id,
        direction: Direction::Inbound,
        parts: vec![Part::Text(text.to_owned())],
        in_reply_to: None,
        created_at: now(),
    }
}

pub(crate) fn summary(result: Result<Step, AttemptError>) -> String {
    match result {
        Ok(Step::Succeeded { summary: Some(summary), .. }) => summary,
        other => panic!("expected a success with a summary: {other:?}"),
    }
}
