//! Waiting for several tasks of a session: for any of them, or for all.
//! Does not poll: who waits hears of each task's changes and reads the record again.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt, TryStreamExt};
use taskwright_registry::{State, Task, TaskId};
use tokio::time::Instant;

use crate::signal::Listener;
use crate::{RunnerError, Session};

/// How many records are read at one time.
const READS: usize = 16;

/// What is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Until {
    /// The task is over or asks something: until its session has something to do.
    #[default]
    Ready,
    /// The task is over.
    Over,
}

impl Until {
    /// Whether a record is what is waited for.
    #[must_use]
    pub fn is_met(self, task: &Task) -> bool {
        task.state.is_terminal() || (self == Until::Ready && task.state == State::AwaitingInput)
    }
}

/// What waiting for any of several tasks gave.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitedAny {
    /// Where in the list the first task is that was waited for; `None` if the time was over before.
    pub first: Option<usize>,
    /// The tasks as they were read last, in the order of the list.
    pub tasks: Vec<Task>,
    /// Whether the time was over before any of them was what was waited for.
    pub timed_out: bool,
}

impl WaitedAny {
    /// The first task of the list that was waited for.
    #[must_use]
    pub fn task(&self) -> Option<&Task> {
        self.tasks.get(self.first?)
    }
}

/// What waiting for all of several tasks gave.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitedAll {
    /// The tasks in the order of the list, each as it was when it was what was waited for; as they are now if the time was
    /// over before.
    pub tasks: Vec<Task>,
    /// Whether the time was over before all of them were what was waited for.
    pub timed_out: bool,
}

/// The tasks that are waited for, as they were read last, and who hears of their changes.
struct Watched<'s> {
    session: &'s Session,
    tasks: Vec<Task>,
    /// What has not been met yet; each future ends with its task's next change.
    changes: FuturesUnordered<Heard>,
}

type Heard = std::pin::Pin<Box<dyn Future<Output = (usize, Listener<()>)> + Send>>;

fn hear(at: usize, mut changes: Listener<()>) -> Heard {
    Box::pin(async move {
        changes.changed().await;
        (at, changes)
    })
}

impl<'s> Watched<'s> {
    /// Reads all of them, and hears of what changes from before that on.
    async fn new(session: &'s Session, ids: &[TaskId], until: Until) -> Result<Self, RunnerError> {
        // Subscribed before they are read: a change in between is not missed.
        let listeners: Vec<_> = ids.iter().map(|id| session.inner.hub.task(id)).collect();
        let tasks = session.read_all(ids).await?;
        let changes = FuturesUnordered::new();
        for (at, listener) in listeners.into_iter().enumerate() {
            if !until.is_met(&tasks[at]) {
                changes.push(hear(at, listener));
            }
        }
        Ok(Self { session, tasks, changes })
    }

    /// Waits until something was heard of any of them, and reads again what was heard of.
    async fn next(&mut self, until: Until) -> Result<(), RunnerError> {
        let Some(first) = self.changes.next().await else { return Ok(()) };
        let mut heard = vec![first];
        // What has been heard of by now is looked at together, so that the order of the list decides.
        while let Poll::Ready(Some(next)) = futures::poll!(pin!(self.changes.next())) {
            heard.push(next);
        }
        heard.sort_by_key(|(at, _)| *at);
        for (at, mut listener) in heard {
            // What was heard until here is in what is read now.
            listener.catch_up();
            self.tasks[at] = self.session.get(&self.tasks[at].id).await?;
            if !until.is_met(&self.tasks[at]) {
                self.changes.push(hear(at, listener));
            }
        }
        Ok(())
    }

    fn first(&self, until: Until) -> Option<usize> {
        self.tasks.iter().position(|task| until.is_met(task))
    }
}

impl Session {
    /// How many tasks one call may wait for or check.
    pub const MAX_LISTED: usize = 1_000;

    /// Waits until one of the tasks is what is waited for, and names the first of the list that is. Without a timeout, or
    /// with one longer than time can be counted, for as long as it takes.
    ///
    /// # Errors
    /// `TaskList` for no task at all or more than `MAX_LISTED`; `Store(NotFound)` with the first of the list that this
    /// session has not got, before anything is waited for, or later if a task leaves the session.
    pub async fn wait_any(
        &self,
        ids: &[TaskId],
        until: Until,
        timeout: Option<Duration>,
    ) -> Result<WaitedAny, RunnerError> {
        check_length(ids, 1)?;
        let deadline = deadline(timeout);
        let mut watched = Watched::new(self, ids, until).await?;
        loop {
            if let Some(first) = watched.first(until) {
                return Ok(WaitedAny { first: Some(first), tasks: watched.tasks, timed_out: false });
            }
            match within(deadline, watched.next(until)).await {
                Some(heard) => heard?,
                None => {
                    let tasks = self.read_all(ids).await?;
                    let first = tasks.iter().position(|task| until.is_met(task));
                    return Ok(WaitedAny { first, timed_out: first.is_none(), tasks });
                }
            }
        }
    }

    /// Waits until all of the tasks are what is waited for. A task counts from the moment on at which it was: one that
    /// asked something and has been answered meanwhile is not waited for again. Without a timeout, or with one longer than
    /// time can be counted, for as long as it takes. With no tasks it returns at once.
    ///
    /// # Errors
    /// `TaskList` for more than `MAX_LISTED`; else as `wait_any`.
    pub async fn wait_all(
        &self,
        ids: &[TaskId],
        until: Until,
        timeout: Option<Duration>,
    ) -> Result<WaitedAll, RunnerError> {
        check_length(ids, 0)?;
        let deadline = deadline(timeout);
        let mut watched = Watched::new(self, ids, until).await?;
        while !watched.changes.is_empty() {
            match within(deadline, watched.next(until)).await {
                Some(heard) => heard?,
                None => {
                    let tasks = self.read_all(ids).await?;
                    let timed_out = !tasks.iter().all(|task| until.is_met(task));
                    return Ok(WaitedAll { tasks, timed_out });
                }
            }
        }
        Ok(WaitedAll { tasks: watched.tasks, timed_out: false })
    }

    /// Reads tasks in the order of a list; the first that is not there is the error.
    pub(crate) async fn read_all(&self, ids: &[TaskId]) -> Result<Vec<Task>, RunnerError> {
        let reads: Vec<_> = ids.iter().map(|id| self.get(id)).collect();
        futures::stream::iter(reads).buffered(READS).try_collect().await
    }
}

/// Refuses a list that is too short or too long.
pub(crate) fn check_length(ids: &[TaskId], least: usize) -> Result<(), RunnerError> {
    match ids.len() {
        given if (least..=Session::MAX_LISTED).contains(&given) => Ok(()),
        given => Err(RunnerError::TaskList { given, least, most: Session::MAX_LISTED }),
    }
}

/// When a wait is over; never, for one that is longer than time can be counted.
pub(crate) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// What the work gives, unless the time is over before.
pub(crate) async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}
