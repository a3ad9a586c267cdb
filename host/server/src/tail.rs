//! The end of a task's output, shown while it grows.
//! Does not wait for more: who shows it looks again every now and then.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use taskwright_registry::TaskId;
use taskwright_runner::{OutputTail, Session};

use crate::output::Output;
use crate::progress::Progress;

/// What has not been shown yet of one task's output.
pub(crate) struct Tail {
    out: Output,
    task: TaskId,
    log: OutputTail,
}

impl Tail {
    /// How often to look for more.
    pub(crate) const EVERY: Duration = Duration::from_millis(100);

    /// All output of a task, from its beginning.
    pub(crate) async fn new(out: Output, session: &Session, task: &TaskId) -> Result<Self> {
        Ok(Self { out, task: task.clone(), log: session.output(task).await? })
    }

    /// Shows what has come since the last time: as it is, or as a line of JSON for each piece.
    pub(crate) fn show(&mut self, progress: &Progress) -> Result<()> {
        loop {
            let text = self.log.read()?;
            if text.is_empty() {
                return Ok(());
            }
            progress.aside(|| match self.out.is_json() {
                true => self.out.json(&json!({"type": "output", "task_id": self.task, "text": text})),
                false => self.out.text(&text),
            })?;
        }
    }
}
