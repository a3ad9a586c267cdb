//! A session's view of its tasks: create, read, talk to, cancel, wait.
//! Does not reach beyond the session: a foreign task does not exist here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use taskwright_registry::{
    CancelEffect, Direction, Message, MessageId, NewMessage, Part, SessionId, State, Task, TaskId, Wake,
};
use taskwright_store::{MessagePage, Page, TaskPage, TaskQuery};

use crate::metric;
use crate::runner::Inner;
use crate::wait::{deadline, within};
use crate::{EventStream, OutputTail, RunnerError, SendError, TaskRequest};

/// A handle to one session. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    pub(crate) inner: Arc<Inner>,
    pub(crate) id: SessionId,
}

/// What sending a message gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The message as it is stored.
    pub message: Message,
    /// Whether it answered the open question.
    pub answered: bool,
}

/// What waiting gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Waited {
    /// The task as it is now.
    pub task: Task,
    /// Whether the time was over before the task was.
    pub timed_out: bool,
}

impl Session {
    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Begins a task; nothing is created before `create` is called on what this returns.
    pub fn task(&self, kind: impl Into<String>, spec: Value) -> TaskRequest<'_> {
        TaskRequest::new(self, kind.into(), spec)
    }

    /// Reads a task.
    ///
    /// # Errors
    /// `Store(NotFound)`.
    pub async fn get(&self, id: &TaskId) -> Result<Task, RunnerError> {
        Ok(self.inner.store.get(&self.id, id).await?)
    }

    /// Lists tasks.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, query: &TaskQuery) -> Result<TaskPage, RunnerError> {
        Ok(self.inner.store.list(&self.id, query).await?)
    }

    /// Sends a message to a live task. It is durable when this returns and reaches the task's instance, or its next one.
    ///
    /// # Errors
    /// `NotFound`, `Terminated`, `Full`; `Refused` for a message that is not acceptable, or an answer that is not as expected.
    pub async fn send(&self, id: &TaskId, parts: Vec<Part>, in_reply_to: Option<String>) -> Result<Sent, SendError> {
        let message = NewMessage {
            id: MessageId::new(self.inner.store.now(), self.inner.chance.bits()),
            fence: None,
            direction: Direction::Inbound,
            parts,
            in_reply_to,
        };
        let recorded = self.inner.store.record_message(&self.id, id, message).await;
        let recorded = recorded.map_err(|error| SendError::of_store(id, error))?;
        Ok(Sent { message: recorded.message, answered: recorded.answered })
    }

    /// Answers the task's open question.
    ///
    /// # Errors
    /// `Store(NotFound)`, `NothingAsked`; `Send` with what `send` would say.
    pub async fn answer(&self, id: &TaskId, answer: Part) -> Result<Sent, RunnerError> {
        let task = self.get(id).await?;
        let Some(open) = task.input_request else {
            return Err(RunnerError::NothingAsked { id: id.clone(), state: task.state });
        };
        Ok(self.send(id, vec![answer], Some(open.id.to_string())).await?)
    }

    /// Asks for a task's end. Its kind is told; its cancel policy says what happens if that does not help.
    ///
    /// # Errors
    /// `Store(NotFound)`, `Store(Rejected)`.
    pub async fn cancel(&self, id: &TaskId, reason: Option<String>) -> Result<(Task, CancelEffect), RunnerError> {
        let (task, effect) = self.inner.store.request_cancel(&self.id, id, reason).await?;
        if effect == CancelEffect::CanceledBeforeStart {
            metric::task_ended(self.inner.catalog.label(&task.kind), &task);
        }
        Ok((task, effect))
    }

    /// Asks for a task's end and does not wait for its kind: an instance in this process is dropped at once.
    ///
    /// # Errors
    /// As `cancel`.
    pub async fn abort(&self, id: &TaskId, reason: Option<String>) -> Result<(), RunnerError> {
        let (task, _) = self.cancel(id, reason).await?;
        if task.state.is_live() {
            // The wish is durable by now. An instance that is being made reads the list before it does anything.
            self.inner.aborts.change(|ids| ids.insert(id.clone()));
        }
        Ok(())
    }

    /// Waits until the task is over or asks something; the snapshot with `timed_out` if that takes too long.
    ///
    /// # Errors
    /// `Store(NotFound)`.
    pub async fn wait(&self, id: &TaskId, timeout: Option<Duration>) -> Result<Waited, RunnerError> {
        self.wait_until(id, timeout, |task| task.state.is_terminal() || task.state == State::AwaitingInput).await
    }

    /// Waits until the task is over.
    ///
    /// # Errors
    /// `Store(NotFound)`.
    pub async fn outcome(&self, id: &TaskId) -> Result<Task, RunnerError> {
        Ok(self.wait_until(id, None, |task| task.state.is_terminal()).await?.task)
    }

    /// Waits until a condition on the record holds.
    ///
    /// # Errors
    /// `Store(NotFound)`.
    pub async fn wait_until(
        &self,
        id: &TaskId,
        timeout: Option<Duration>,
        condition: impl Fn(&Task) -> bool,
    ) -> Result<Waited, RunnerError> {
        let deadline = deadline(timeout);
        let mut changes = self.inner.hub.task(id);
        loop {
            // Subscribed before it is read: a change in between is not missed.
            changes.catch_up();
            let task = self.get(id).await?;
            if condition(&task) {
                return Ok(Waited { task, timed_out: false });
            }
            if within(deadline, changes.changed()).await.is_none() {
                return Ok(Waited { task: self.get(id).await?, timed_out: true });
            }
        }
    }

    /// Subscribes to the session's log after a cursor (0 for its beginning).
    #[must_use]
    pub fn events(&self, after: u64) -> EventStream {
        EventStream::new(self.inner.clone(), self.id.clone(), None, after)
    }

    /// Subscribes to what concerns one task in the session's log.
    #[must_use]
    pub fn task_events(&self, id: &TaskId, after: u64) -> EventStream {
        EventStream::new(self.inner.clone(), self.id.clone(), Some(id.clone()), after)
    }

    /// Reads messages, oldest first: the latest without a cursor, those after it with one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn messages(&self, id: &TaskId, page: &MessagePage) -> Result<Page<Message>, RunnerError> {
        Ok(self.inner.store.messages(&self.id, id, page).await?)
    }

    /// The result, if the task left one.
    ///
    /// # Errors
    /// `Store(NotFound)`.
    pub async fn result(&self, id: &TaskId) -> Result<Option<Value>, RunnerError> {
        Ok(self.inner.store.result(&self.id, id).await?)
    }

    /// The content of an artifact that the host holds, by its name; the newest of that name. `None` if there is none.
    ///
    /// # Errors
    /// `Store(NotFound)`, `Files`.
    pub async fn artifact(&self, id: &TaskId, name: &str) -> Result<Option<Bytes>, RunnerError> {
        let task = self.get(id).await?;
        match task.artifacts.iter().rev().find(|artifact| artifact.name == name).and_then(|found| found.path.as_ref()) {
            Some(path) => Ok(Some(self.inner.files.read(path).await?)),
            None => Ok(None),
        }
    }

    /// The task's output, from its beginning; it can be read while it grows.
    ///
    /// # Errors
    /// `Store(NotFound)`.
    pub async fn output(&self, id: &TaskId) -> Result<OutputTail, RunnerError> {
        let task = self.get(id).await?;
        Ok(OutputTail::new(self.inner.files.output_logs(&task)))
    }

    /// The wakes that nobody has acknowledged, oldest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn wakes(&self, limit: usize) -> Result<Page<Wake>, RunnerError> {
        Ok(self.inner.store.wakes(&self.id, limit).await?)
    }

    /// Acknowledges wakes; they are not given again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn acknowledge_wakes(&self, ids: &[u64]) -> Result<usize, RunnerError> {
        Ok(self.inner.store.acknowledge_wakes(&self.id, ids).await?)
    }
}
