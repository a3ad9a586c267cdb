//! A process that does jobs, whoever's: told when to begin, and read while it works.
//!
//! It prints `ready` when it is connected, waits for a line, then works, and ends when its input does. While it works it prints
//! lines of `started` with the microseconds from each job's making to its beginning; at its end it may print `calls`.
//! Does not know what the jobs are.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::cpu;

/// How long a process may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process.
pub(crate) struct Worker {
    child: Child,
    input: ChildStdin,
    process: u32,
    started: mpsc::UnboundedReceiver<u64>,
    reader: JoinHandle<Calls>,
}

/// How often it called its store, by verb, where it says so.
pub(crate) type Calls = BTreeMap<String, f64>;

impl Worker {
    /// Starts one, and waits until it is ready.
    pub(crate) async fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let input = child.stdin.take().context("no way to tell it")?;
        let mut lines = BufReader::new(child.stdout.take().context("no way to hear it")?).lines();
        let ready = tokio::time::timeout(PATIENCE, lines.next_line()).await.context("not ready in time")??;
        if ready.as_deref() != Some("ready") {
            bail!("{command:?} says {ready:?} and not that it is ready");
        }
        let (send, started) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            let mut calls = Calls::new();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut words = line.split_whitespace();
                match words.next() {
                    Some("started") => {
                        for us in words.filter_map(|word| word.parse().ok()) {
                            // Whoever no longer wants to know is gone with the process.
                            let _ = send.send(us);
                        }
                    }
                    Some("calls") => {
                        let pairs = words.filter_map(|word| word.split_once('='));
                        calls.extend(pairs.filter_map(|(verb, count)| Some((verb.to_owned(), count.parse().ok()?))));
                    }
                    _ => {}
                }
            }
            calls
        });
        let process = child.id().context("it is over already")?;
        Ok(Self { child, input, process, started, reader })
    }

    /// Lets it begin.
    pub(crate) async fn go(&mut self) -> Result<()> {
        Ok(self.input.write_all(b"go\n").await?)
    }

    /// What jobs that it has begun took since they were made, in microseconds: those that were not asked for yet.
    pub(crate) fn begun(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.started.try_recv().ok()).collect()
    }

    /// Seconds of the processors that it has used.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        cpu::of_process(self.process)
    }

    /// Tells it to end, and waits for that.
    pub(crate) async fn stop(mut self) -> Result<Calls> {
        drop(self.input);
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        if !status.success() {
            bail!("a worker ended with {status}");
        }
        Ok(self.reader.await?)
    }
}
