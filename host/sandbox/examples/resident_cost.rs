//! What a resident instance costs in memory, and how long a stop takes: of one that waits, and of one that spins.
//! Does not compare with anything: the figures are absolute.
//!
//! `cargo run --release -p taskwright-sandbox --example resident_cost [INSTANCES]`

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use taskwright_registry::{Cancel, Links, NewTask, Part, Progress, Schema, TaskId, Timestamp, create};
use taskwright_sandbox::{
    AttemptHost, Budget, Grants, Instance, Kind, NewArtifact, OutputStream, Refusal, Sandbox, SandboxConfig,
    StopReason, TaskContext,
};
use taskwright_test_guests::{RESIDENT, SPIN};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A host that only says when the guest has reported that it is there.
struct Bell(UnboundedSender<()>);

#[async_trait]
impl AttemptHost for Bell {
    async fn state(&self, _: Option<String>) -> Result<(), Refusal> {
        let _ = self.0.send(());
        Ok(())
    }
    async fn progress(&self, _: Progress) -> Result<(), Refusal> {
        Ok(())
    }
    async fn output(&self, _: OutputStream, _: String) -> Result<(), Refusal> {
        Ok(())
    }
    async fn post(&self, _: Vec<Part>, _: Option<String>) -> Result<String, Refusal> {
        Err(Refusal::Terminal)
    }
    async fn request_input(&self, _: String, _: Option<Schema>) -> Result<String, Refusal> {
        Err(Refusal::Terminal)
    }
    async fn draft(&self, _: String, _: Vec<u8>) -> Result<(), Refusal> {
        Ok(())
    }
    async fn artifact(&self, _: NewArtifact) -> Result<(), Refusal> {
        Ok(())
    }
    async fn link(&self, _: Links) -> Result<(), Refusal> {
        Ok(())
    }
    async fn checkpoint(&self, _: Vec<u8>) -> Result<(), Refusal> {
        Ok(())
    }
    fn cancel_requested(&self) -> Option<Cancel> {
        None
    }
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
}

/// An instance whose `start` has begun.
async fn begin(kind: &Arc<Kind>, task: &TaskContext) -> Instance {
    let (sender, mut bell) = unbounded_channel();
    let instance = kind.instantiate(Arc::new(Bell(sender)), Budget::default(), Grants::default());
    let (started, task) = (instance.clone(), task.clone());
    tokio::spawn(async move { started.start(task).await });
    bell.recv().await.expect("the guest reports");
    instance
}

async fn stop(instance: &Instance) -> Duration {
    let began = Instant::now();
    instance.stop(StopReason::Canceled);
    instance.stopped().await;
    began.elapsed()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

#[expect(clippy::print_stdout, reason = "it is a program")]
fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!("{what}: p50 {:?}, at most {:?}", times[times.len() / 2], times[times.len() - 1]);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "it is a program; the figures are small")]
async fn main() {
    let count: u32 = std::env::args().nth(1).map_or(1_000, |count| count.parse().expect("a number of instances"));
    let sandbox =
        Sandbox::new(SandboxConfig { max_instances: count + 1, ..SandboxConfig::default() }).expect("a sandbox");
    let (waiting, spinning) =
        (sandbox.load(RESIDENT).await.expect("a kind"), sandbox.load(SPIN).await.expect("a kind"));
    let (session, spec) = ("session".parse().expect("an id"), serde_json::json!({"n": 1}));
    let new = NewTask::new(TaskId::new(Timestamp::default(), [0; 10]), session, "test-guest", spec);
    let task = TaskContext { task: create(new, Timestamp::default()).expect("a task"), checkpoint: None };

    let before = resident_kib();
    let mut instances = Vec::new();
    for _ in 0..count {
        instances.push(begin(&waiting, &task).await);
    }
    let after = resident_kib();
    println!("{count} resident instances: {:.1} KiB each", (after - before) as f64 / f64::from(count));

    let mut times = Vec::new();
    for instance in &instances {
        times.push(stop(instance).await);
    }
    report("stop of one that waits", times);
    let mut times = Vec::new();
    for number in 0..50 {
        let instance = begin(&spinning, &task).await;
        tokio::time::sleep(Duration::from_millis(number % 13)).await;
        times.push(stop(&instance).await);
    }
    report("stop of one that spins", times);
}
