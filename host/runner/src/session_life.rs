//! A session as a whole: its record, its life, moving its tasks, and ending many of them at once.
//! Does not act on single tasks: the rest of `Session` does.

use taskwright_registry::{CloseOrder, SessionId, SessionOwner, SessionRecord, Task, TaskId};
use taskwright_store::{CancelCount, CancelScope, CancelWalk, SessionPage, SessionQuery};

use crate::{Runner, RunnerError, Session, session_end};

impl Session {
    /// Opens the session, on behalf of another or of nobody; one that gets its first task is open without. Idempotent.
    ///
    /// # Errors
    /// `Store(SessionRejected)` with `Over`, `OtherOwner`, or `Canceled` if the end of what it is opened for is wanted.
    pub async fn open(&self, owner: Option<SessionOwner>) -> Result<SessionRecord, RunnerError> {
        Ok(self.inner.store.open_session(&self.id, owner).await?)
    }

    /// Reads the session's record.
    ///
    /// # Errors
    /// `Store(NoSession)`.
    pub async fn record(&self) -> Result<SessionRecord, RunnerError> {
        Ok(self.inner.store.session(&self.id).await?)
    }

    /// Lets the session's wakes wait; its tasks go on. Idempotent.
    ///
    /// # Errors
    /// `Store(NoSession)`, `Store(SessionRejected)`.
    pub async fn suspend(&self) -> Result<SessionRecord, RunnerError> {
        Ok(self.inner.store.suspend_session(&self.id).await?)
    }

    /// Lets the session be woken again, also for what has waited. Idempotent.
    ///
    /// # Errors
    /// `Store(NoSession)`, `Store(SessionRejected)`.
    pub async fn resume(&self) -> Result<SessionRecord, RunnerError> {
        Ok(self.inner.store.resume_session(&self.id).await?)
    }

    /// Closes the session: nothing begins in it any more, and each live task ends, moves or stays as its close policy says. The
    /// plan is durable when this begins to carry it out, and whoever serves goes on with it if this process ends before. Canceled
    /// tasks may take their grace after this has returned.
    ///
    /// # Errors
    /// `Store(NoSession)`; `Store(SessionRejected)` with `OwnSuccessor`, `OtherSuccessor`, `NeedsSuccessor`, or a word about the
    /// successor; what `transfer` would say of a task that could not move. Nothing is closed then.
    pub async fn close(&self, order: CloseOrder) -> Result<SessionRecord, RunnerError> {
        let store = self.inner.store.as_ref();
        let planned = store.close_session(&self.id, order).await?;
        session_end::count_ended(&self.inner, &planned.ended);
        let planned = planned.session;
        session_end::end(&self.inner, &planned).await?;
        match store.session(&self.id).await {
            // It was to be deleted, and nothing was in the way.
            Err(taskwright_store::StoreError::NoSession { .. }) => Ok(planned),
            found => Ok(found?),
        }
    }

    /// Deletes the closed session with everything in it, as soon as nothing in it is live; says whether it is gone already.
    /// Whoever serves goes on with it otherwise.
    ///
    /// # Errors
    /// `Store(NoSession)`; `Store(SessionRejected(NotClosed))`.
    pub async fn delete(&self) -> Result<bool, RunnerError> {
        let store = self.inner.store.as_ref();
        let wanted = store.delete_session(&self.id).await?;
        session_end::end(&self.inner, &wanted).await?;
        Ok(matches!(store.session(&self.id).await, Err(taskwright_store::StoreError::NoSession { .. })))
    }

    /// Moves tasks to another session with all that their instances have begun, all of them or none. Instances go on, and what they
    /// write lands in the new session.
    ///
    /// # Errors
    /// `Store(NotFound)` for the first that is not here; `Store(NameTaken)`, `Store(KeyTaken)`; `Store(SessionRejected)` with
    /// `ParentStays`, `TooMany`, or a word about the other session. Nothing has moved then.
    pub async fn transfer(&self, tasks: &[TaskId], to: &SessionId) -> Result<Vec<Task>, RunnerError> {
        Ok(self.inner.store.transfer(&self.id, tasks, to).await?)
    }

    /// Wants the end of many tasks at once, about 500 in one transaction, and says how many live ones that has reached. What this
    /// has asked when it fails or is dropped is durable; the rest goes on as before, until the same is called again.
    ///
    /// # Errors
    /// `Store(NotFound)` for the root of a tree; `Store(Rejected)` for the reason; those of the store at any step.
    pub async fn cancel_many(&self, scope: CancelScope, reason: Option<String>) -> Result<CancelCount, RunnerError> {
        let mut count = CancelCount::default();
        let mut walk = Some(CancelWalk::new(&self.id, scope));
        while let Some(next) = walk {
            let step = self.inner.store.cancel_step(&self.id, next, reason.clone()).await?;
            session_end::count_ended(&self.inner, &step.ended);
            count.add(step.count);
            walk = step.rest;
        }
        Ok(count)
    }
}

impl Runner {
    /// Lists the sessions of the store, by id.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sessions(&self, query: &SessionQuery) -> Result<SessionPage, RunnerError> {
        Ok(self.inner.store.sessions(query).await?)
    }
}
