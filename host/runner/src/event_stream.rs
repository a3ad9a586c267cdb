//! A subscription to a session's log, from any cursor.
//! Does not buffer: a slow subscriber reads from the log, so it loses nothing and costs nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event_filter::{EventJudge, Verdict};
use crate::runner::Inner;
use crate::signal::Listener;
use crate::{EventFilter, RunnerError};
use taskwright_registry::{Event, EventBody, SessionId, Task, TaskId};
use taskwright_store::StoreError;

/// How many events are read at a time.
const PAGE: usize = 256;

/// Made by [`crate::Session::events`].
pub struct EventStream {
    inner: Arc<Inner>,
    session: SessionId,
    judge: EventJudge,
    cursor: u64,
    ready: VecDeque<Event>,
    changes: Listener<()>,
}

impl EventStream {
    pub(crate) fn new(inner: Arc<Inner>, session: SessionId, task: Option<TaskId>, after: u64) -> Self {
        let changes = inner.hub.session(&session);
        let judge = EventJudge::new(EventFilter { task, ..EventFilter::default() });
        Self { inner, session, judge, cursor: after, ready: VecDeque::new(), changes }
    }

    /// The same subscription, which shows what passes this filter and nothing else from here on, whatever it was narrowed
    /// down to before.
    #[must_use]
    pub fn only(mut self, filter: EventFilter) -> Self {
        self.judge = EventJudge::new(filter);
        self
    }

    /// The sequence number of the last event read, shown or not; pass it to `events` to go on from here later.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.ready.front().map_or(self.cursor, |next| next.seq - 1)
    }

    /// The next event that is there already, if one is.
    ///
    /// # Errors
    /// Those of the store; `EventsForgotten`, once, if retention has taken away what would have come next.
    pub async fn try_next(&mut self) -> Result<Option<Event>, RunnerError> {
        loop {
            // An event stays in front until it is judged: a wait that is dropped in the middle loses nothing.
            while let Some(event) = self.ready.front() {
                let verdict = self.judge.judge(event);
                if verdict == Verdict::Ask {
                    let (id, found) = (event.task_id.clone(), self.record_of(event).await?);
                    self.judge.answer(&id, found.as_ref());
                    continue;
                }
                if let Some(event) = self.ready.pop_front() {
                    self.judge.passed(&event, verdict);
                    if verdict == Verdict::Show {
                        return Ok(Some(event));
                    }
                }
            }
            let page = self.inner.store.events(&self.session, self.cursor, PAGE).await?;
            if self.cursor > 0 && page.first > self.cursor + 1 {
                let forgotten = RunnerError::EventsForgotten { after: self.cursor, first: page.first };
                self.cursor = page.first - 1;
                self.judge.lose_track();
                return Err(forgotten);
            }
            let Some(last) = page.events.last() else { return Ok(None) };
            self.cursor = last.seq;
            self.ready.extend(page.events);
        }
    }

    /// The record of an event's task, here or where the event says that it went; `None` if it is in neither.
    async fn record_of(&self, event: &Event) -> Result<Option<Task>, StoreError> {
        let elsewhere = match &event.body {
            EventBody::Transferred { to, .. } if *to != self.session => Some(to),
            _ => None,
        };
        for session in [Some(&self.session), elsewhere].into_iter().flatten() {
            match self.inner.store.get(session, &event.task_id).await {
                Ok(task) => return Ok(Some(task)),
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Waits for the next event. Cancel-safe: a dropped wait loses nothing.
    ///
    /// # Errors
    /// As `try_next`.
    pub async fn next(&mut self) -> Result<Event, RunnerError> {
        loop {
            self.changes.catch_up();
            if let Some(event) = self.try_next().await? {
                return Ok(event);
            }
            self.changes.changed().await;
        }
    }
}
