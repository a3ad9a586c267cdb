//! The end of a task's output, shown while it grows.
//! Does not wait for more: who shows it looks again every now and then.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use taskwright_registry::TaskId;
use taskwright_runner::{OutputTail, Session};
use tokio::time::timeout;

use crate::output::Output;
use crate::progress::Progress;

/// How long a look may take: who follows a task has other things to do.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look for what could not be read.
const UNREADABLE: Duration = Duration::from_secs(5);

/// What has not been shown yet of one task's output.
pub(crate) struct Tail {
    out: Output,
    task: TaskId,
    log: OutputTail,
    looked: Option<Instant>,
    /// Since the last time that it was, and said.
    unreadable: bool,
}

impl Tail {
    /// How often to look for more.
    pub(crate) const EVERY: Duration = Duration::from_millis(100);

    /// All output of a task, from its beginning.
    pub(crate) async fn new(out: Output, session: &Session, task: &TaskId) -> Result<Self> {
        Ok(Self { out, task: task.clone(), log: session.output(task).await?, looked: None, unreadable: false })
    }

    /// Shows what has come, if it is worth while to look: each look into a bucket is a request.
    pub(crate) async fn show_if_due(&mut self, progress: &Progress) -> Result<()> {
        match self.looked {
            Some(looked) if looked.elapsed() < self.pace() => Ok(()),
            _ => self.show(progress).await,
        }
    }

    fn pace(&self) -> Duration {
        if self.unreadable { UNREADABLE } else { self.log.pace() }
    }

    /// Shows what has come since the last time: as it is, or as a line of JSON for each piece. Whoever follows a task follows it on
    /// when its output cannot be read, and is told so once.
    pub(crate) async fn show(&mut self, progress: &Progress) -> Result<()> {
        loop {
            let read = timeout(PATIENCE, self.log.read()).await;
            self.looked = Some(Instant::now());
            let problem = match read {
                Ok(Ok(text)) if text.is_empty() => {
                    self.unreadable = false;
                    return Ok(());
                }
                Ok(Ok(text)) => {
                    progress.aside(|| match self.out.is_json() {
                        true => self.out.json(&json!({"type": "output", "task_id": self.task, "text": text})),
                        false => self.out.text(&text),
                    })?;
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("nothing came within {PATIENCE:?}"),
            };
            if !std::mem::replace(&mut self.unreadable, true) {
                progress.aside(|| self.out.notice(&format!("the task's output cannot be read now: {problem}")));
            }
            return Ok(());
        }
    }
}
