//! A task whose work is done elsewhere, in the hands of whoever does it: reports, signs of life, messages, the wish to end it.
//! Does not do the work, and does not end the task by itself: not when nothing is heard any more, and not when this is dropped.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use taskwright_registry::{
    AttemptToken, Cancel, DispatchChange, Message, MessageId, State, Task, TaskError, TaskId, TaskUpdate, clean_line,
    clean_text, limit,
};
use taskwright_sandbox::AttemptHost;
use taskwright_store::{Claimed, ExternalCancelPage, Page, StoreError};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::admission::Slot;
use crate::metric;
use crate::reporter::Reporter;
use crate::runner::Inner;
use crate::{Runner, RunnerError, Session};

/// Before a call that has not told of a cancel is made again; each further one waits twice as long, up to the most.
const FIRST_REPETITION: Duration = Duration::from_secs(1);
const LONGEST_REPETITION: Duration = Duration::from_secs(60);
/// How long to wait after the store could not be read.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What a call that passes a cancel on may fail with.
pub type CancelCallError = Box<dyn Error + Send + Sync>;

/// The task, as long as nobody else has taken it on. Dropping it changes nothing about the task: the token is enough to go on.
pub struct ExternalTask {
    inner: Arc<Inner>,
    reporter: Arc<Reporter>,
    token: AttemptToken,
    checkpoint: Option<Vec<u8>>,
}

/// What a sign of life was answered with.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The state of the task.
    pub state: State,
    /// Whether its end is wanted, and why.
    pub cancel: Option<Cancel>,
    /// How many messages wait.
    pub unread: u32,
}

/// Passes cancels of one task on. The calls end when it is dropped.
#[must_use = "cancels are passed on for as long as this is kept"]
pub struct CancelCalls(AbortHandle);

impl Drop for CancelCalls {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    /// Takes a task on whose work is done elsewhere (L52). Whoever had it is superseded, and finds out with its next write. `remote`
    /// names the work where it is done.
    ///
    /// # Errors
    /// `Store(NotFound)`; `Store(Rejected)` with `Terminal`, or `Invalid` if hosts run the task.
    pub async fn take_on(&self, id: &TaskId, remote: Option<String>) -> Result<ExternalTask, RunnerError> {
        let holder = taskwright_registry::HostRef {
            id: taskwright_registry::HostId::new(self.inner.store.now(), self.inner.chance.bits()),
            epoch: 1,
        };
        let claimed = self.inner.store.take_on(&self.id, id, &holder, remote).await?;
        ExternalTask::new(&self.inner, claimed)
    }
}

impl Runner {
    /// Goes on with a task that was taken on before, perhaps in another process.
    ///
    /// # Errors
    /// `Store(NotHeld)` if somebody else has taken it on since, if it was given back, or if there is none; `Store(Rejected(Terminal))`
    /// if it is over.
    pub async fn external(&self, token: &AttemptToken) -> Result<ExternalTask, RunnerError> {
        let store = &self.inner.store;
        let task = match store.held_task(&token.holder, &token.task_id).await {
            Ok(task) => task,
            Err(error @ StoreError::NotHeld { .. }) => {
                // Over, or somebody else's? Whoever held it may know.
                return Err(match store.get(&token.session_id, &token.task_id).await {
                    Ok(task) if task.state.is_terminal() && task.fence() == token.fence => {
                        StoreError::Rejected(taskwright_registry::Rejection::Terminal { state: task.state }).into()
                    }
                    _ => error.into(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let checkpoint = store.checkpoint(&task.session_id, &task.id).await?;
        ExternalTask::new(&self.inner, Claimed { resumed: false, task, checkpoint, unread: Vec::new() })
    }

    /// The outbox of cancels for work elsewhere that is in no reach of a callback: at most `limit` (clamped to 1..=1,000), behind
    /// the place where the last page ended. Whoever has passed one on says so with `ExternalTask::cancel_told`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn external_cancels(&self, after: u64, limit: usize) -> Result<ExternalCancelPage, RunnerError> {
        Ok(self.inner.store.external_cancels(after, limit).await?)
    }
}

impl ExternalTask {
    fn new(inner: &Arc<Inner>, claimed: Claimed) -> Result<Self, RunnerError> {
        let Claimed { task, checkpoint, .. } = claimed;
        let token = AttemptToken::of(&task)
            .ok_or_else(|| StoreError::Corrupt { reason: format!("{} was taken on and is held by nobody", task.id) })?;
        let slot = Slot::elsewhere(task.session_id.clone());
        let reporter = Reporter::new(inner, None, token.holder.clone(), &task, checkpoint.clone(), slot);
        Ok(Self { inner: inner.clone(), reporter, token, checkpoint })
    }

    /// What another process, or this one after a restart, goes on with.
    #[must_use]
    pub fn token(&self) -> &AttemptToken {
        &self.token
    }

    /// The sink: what a component reports through, with the same limits and the same fence. It refuses everything once somebody
    /// else has taken the task on, or it is over.
    #[must_use]
    pub fn sink(&self) -> Arc<dyn AttemptHost> {
        self.reporter.clone()
    }

    /// The checkpoint that the task had when it was taken on.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&[u8]> {
        self.checkpoint.as_deref()
    }

    /// The record as it is now.
    ///
    /// # Errors
    /// `Store(NotFound)`, `Store(Rejected)` with `Superseded`.
    pub async fn task(&self) -> Result<Task, RunnerError> {
        let task = self.reporter.writer.record().await?;
        taskwright_registry::check_fence(&task, Some(self.token.fence)).map_err(StoreError::Rejected)?;
        Ok(task)
    }

    /// Says that the work goes on. It makes no event and does not move `updated_at`; nothing ends a task that says nothing, but
    /// whoever looks at it sees since when. Progress that was reported and is not stored yet goes along, and is a change; output that is not in
    /// a bucket yet goes first.
    ///
    /// # Errors
    /// `Store(Rejected)` with `Superseded` or `Terminal`; `Store(NotFound)`.
    pub async fn heartbeat(&self) -> Result<Heard, RunnerError> {
        self.reporter.flush_output().await;
        let progress = self.reporter.take_progress().await;
        let update = TaskUpdate { heartbeat: true, progress, ..self.reporter.writer.blank() };
        let task = self.reporter.writer.update("heartbeat", update, |_| false).await?;
        self.reporter.set_cancel(task.cancel.clone());
        Ok(Heard { state: task.state, cancel: task.cancel, unread: task.dispatch.unread })
    }

    /// Messages that were sent to the task and not taken, oldest first, at most `limit` (clamped to 1..=1,000).
    ///
    /// # Errors
    /// Those of the store.
    pub async fn messages(&self, limit: usize) -> Result<Page<Message>, RunnerError> {
        let (store, id) = (&self.inner.store, &self.token.task_id);
        let unread = self.reporter.writer.at_home(|session| async move { store.unread(&session, id, limit).await });
        Ok(unread.await?)
    }

    /// Notes that a message was taken. Until the next checkpoint it is given to whoever takes the task on after this (L39).
    ///
    /// # Errors
    /// `Store(Rejected)` with `Superseded`; `Store(NotFound)`.
    pub async fn taken(&self, message: &MessageId) -> Result<(), RunnerError> {
        Ok(self.reporter.writer.delivered(message).await?)
    }

    /// Waits until the session wants the task's end.
    ///
    /// # Errors
    /// `Store(Rejected)` with `Superseded` or `Terminal`, as soon as that is so; `Store(NotFound)`.
    pub async fn cancel_wanted(&self) -> Result<Cancel, RunnerError> {
        self.watch(|task| task.cancel.clone()).await
    }

    /// Waits for messages that were not taken.
    ///
    /// # Errors
    /// As `cancel_wanted`.
    pub async fn message_waits(&self) -> Result<(), RunnerError> {
        self.watch(|task| (task.dispatch.unread > 0).then_some(())).await
    }

    async fn watch<T>(&self, found: impl Fn(&Task) -> Option<T>) -> Result<T, RunnerError> {
        let mut changes = self.inner.hub.task(&self.token.task_id);
        loop {
            let wait = match self.task().await {
                Ok(task) if task.state.is_terminal() => {
                    let over = taskwright_registry::Rejection::Terminal { state: task.state };
                    return Err(StoreError::Rejected(over).into());
                }
                Ok(task) => {
                    if let Some(found) = found(&task) {
                        return Ok(found);
                    }
                    None
                }
                Err(RunnerError::Store(error)) if error.may_pass() => Some(LOOK_AGAIN),
                Err(error) => return Err(error),
            };
            match wait {
                Some(wait) => sleep(wait).await,
                None => changes.changed().await,
            }
        }
    }

    /// Notes that whoever does the work knows that its end is wanted: the wish leaves the outbox.
    ///
    /// # Errors
    /// `Store(Rejected)` with `Superseded` or `Terminal`; `Store(NotFound)`.
    pub async fn cancel_told(&self) -> Result<(), RunnerError> {
        let update = TaskUpdate { cancel_delivered: true, ..self.reporter.writer.blank() };
        self.reporter.writer.update("cancel", update, |_| false).await?;
        Ok(())
    }

    /// Calls `call` when the task's end is wanted, for as long as what this returns is kept. A call may take `within`; one that
    /// takes longer is dropped, and one that was dropped or has failed is made again, after a second at first and a minute at most.
    /// The wish stays in the outbox until a call has returned without an error. Calls for other tasks never wait for this one.
    pub fn on_cancel<F, C>(self: &Arc<Self>, within: Duration, call: F) -> CancelCalls
    where
        F: Fn(Cancel) -> C + Send + Sync + 'static,
        C: Future<Output = Result<(), CancelCallError>> + Send + 'static,
    {
        let task = self.clone();
        let calls = tokio::spawn(async move {
            let Ok(cancel) = task.watch(|task| task.cancel.clone().filter(|_| !task.dispatch.cancel_delivered)).await
            else {
                // Somebody else's by now, or over.
                return;
            };
            let mut wait = FIRST_REPETITION;
            loop {
                let id = &task.token.task_id;
                let outcome = match timeout(within, call(cancel.clone())).await {
                    Ok(Ok(())) => match task.cancel_told().await {
                        Err(RunnerError::Store(error)) if error.may_pass() => "untold",
                        _ => return,
                    },
                    Ok(Err(error)) => {
                        tracing::warn!(task = %id, %error, "a cancel was not passed on; it will be tried again");
                        "failed"
                    }
                    Err(_) => {
                        tracing::warn!(task = %id, ?within, "passing a cancel on took too long; it will be tried again");
                        "timed_out"
                    }
                };
                metrics::counter!("taskwright_external_cancel_failures_total", "outcome" => outcome).increment(1);
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_REPETITION);
                if task.task().await.is_ok_and(|task| task.state.is_terminal() || task.dispatch.cancel_delivered) {
                    return;
                }
            }
        });
        CancelCalls(calls.abort_handle())
    }

    /// Ends the task with success. The record, the result and the wake are durable when this returns.
    ///
    /// # Errors
    /// `Store(Rejected)` with `Superseded`, `Terminal`, or `TooLarge` for the result.
    pub async fn succeed(&self, result: Option<Value>, summary: Option<String>) -> Result<Task, RunnerError> {
        let summary = summary.map(|text| clean_text(&text, limit::SUMMARY_BYTES));
        let update = TaskUpdate { state: Some(State::Succeeded), summary, result, ..self.reporter.writer.blank() };
        self.end(update).await
    }

    /// Ends the task as failed. Whether to try again is up to whoever does the work, before this.
    ///
    /// # Errors
    /// `Store(Rejected)` with `Superseded` or `Terminal`.
    pub async fn fail(&self, error: TaskError) -> Result<Task, RunnerError> {
        let error = TaskError {
            kind: clean_line(&error.kind, limit::ERROR_KIND_BYTES),
            message: clean_text(&error.message, limit::ERROR_MESSAGE_BYTES),
            detail: error.detail,
        };
        let update = TaskUpdate { state: Some(State::Failed), error: Some(error), ..self.reporter.writer.blank() };
        self.end(update).await
    }

    /// Ends the task as canceled, because the session wanted that or because the work was ended where it is done.
    ///
    /// # Errors
    /// `Store(Rejected)` with `Superseded` or `Terminal`.
    pub async fn canceled(&self, summary: Option<String>) -> Result<Task, RunnerError> {
        let summary = summary.map(|text| clean_text(&text, limit::SUMMARY_BYTES));
        let update = TaskUpdate { state: Some(State::Canceled), summary, ..self.reporter.writer.blank() };
        self.end(update).await
    }

    /// Gives the task back without ending it: nobody does its work until somebody takes it on.
    ///
    /// # Errors
    /// `Store(Rejected)` with `Superseded` or `Terminal`.
    pub async fn give_back(&self) -> Result<Task, RunnerError> {
        let update = TaskUpdate {
            dispatch: Some(DispatchChange::Release),
            progress: self.reporter.take_progress().await,
            ..self.reporter.writer.blank()
        };
        self.reporter.flush_output().await;
        let fence = self.token.fence;
        let given = move |task: &Task| task.fence() == fence && task.dispatch.host.is_none();
        let task = self.reporter.writer.update("release", update, given).await?;
        self.reporter.discard_drafts().await;
        Ok(task)
    }

    async fn end(&self, mut update: TaskUpdate) -> Result<Task, RunnerError> {
        update.progress = self.reporter.take_progress().await;
        self.reporter.flush_output().await;
        let wanted = update.state;
        let task = self.reporter.writer.update("outcome", update, |task| Some(task.state) == wanted).await?;
        self.reporter.discard_drafts().await;
        self.reporter.remove_unrecorded().await;
        metric::task_ended(self.inner.catalog.label(&task.kind), &task);
        if task.state == State::Succeeded
            && let Some(path) = &task.result_path
        {
            self.inner.project_result(&task, path).await;
        }
        Ok(task)
    }
}
