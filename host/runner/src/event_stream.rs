//! A subscription to a session's log, from any cursor.
//! Does not buffer: a slow subscriber reads from the log, so it loses nothing and costs nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::RunnerError;
use crate::runner::Inner;
use crate::signal::Listener;
use taskwright_registry::{Event, SessionId, TaskId};

/// How many events are read at a time.
const PAGE: usize = 256;

/// Made by [`crate::Session::events`].
pub struct EventStream {
    inner: Arc<Inner>,
    session: SessionId,
    only: Option<TaskId>,
    cursor: u64,
    ready: VecDeque<Event>,
    changes: Listener<()>,
}

impl EventStream {
    pub(crate) fn new(inner: Arc<Inner>, session: SessionId, only: Option<TaskId>, after: u64) -> Self {
        let changes = inner.hub.session(&session);
        Self { inner, session, only, cursor: after, ready: VecDeque::new(), changes }
    }

    /// The sequence number of the last event read; pass it to `events` to go on from here later.
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
            while let Some(event) = self.ready.pop_front() {
                if self.only.as_ref().is_none_or(|only| *only == event.task_id) {
                    return Ok(Some(event));
                }
            }
            let page = self.inner.store.events(&self.session, self.cursor, PAGE).await?;
            if self.cursor > 0 && page.first > self.cursor + 1 {
                let forgotten = RunnerError::EventsForgotten { after: self.cursor, first: page.first };
                self.cursor = page.first - 1;
                return Err(forgotten);
            }
            let Some(last) = page.events.last() else { return Ok(None) };
            self.cursor = last.seq;
            self.ready.extend(page.events);
        }
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
