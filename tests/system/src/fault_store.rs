//! A store that fails once: before the Nth call of the host, or after it, so that the reply is lost.
//! Does not fail calls that a test makes for the session's user: those stand in `as_user`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;
use taskwright_runner::registry::{
    CancelEffect, Fence, HostRef, Lease, LeaseLength, Message, MessageId, NewMessage, NewTask, SessionId, Task, TaskId,
    TaskUpdate, Timestamp, Wake,
};
use taskwright_runner::store::{
    Change, ClaimRequest, Claimed, Created, EventPage, FinishedPage, FinishedPlace, HostStatus, LapsedPage,
    MessagePage, Reaped, RecordedMessage, Store, StoreError, TaskPage, TaskQuery,
};
use tokio::sync::broadcast;

tokio::task_local! {
    static USER: ();
}

/// Runs something whose calls to the store are the user's, and are neither counted nor failed.
pub async fn as_user<T>(what: impl Future<Output = T>) -> T {
    USER.scope((), what).await
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing has happened, and the caller is told so.
    Before,
    /// It has happened, and the caller does not know.
    After,
}

/// Which call fails, and how.
#[derive(Debug)]
pub struct FaultPlan {
    nth: u64,
    fault: Fault,
    calls: AtomicU64,
    hit: Mutex<Option<&'static str>>,
}

impl FaultPlan {
    /// The `nth` call from 1; none if it is 0.
    #[must_use]
    pub fn new(nth: u64, fault: Fault) -> Arc<Self> {
        Arc::new(Self { nth, fault, calls: AtomicU64::new(0), hit: Mutex::default() })
    }

    /// The verb that failed, if one has.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn hit(&self) -> Option<&'static str> {
        *self.hit.lock().expect("no panic under the lock")
    }

    fn next(&self, verb: &'static str) -> Option<Fault> {
        if USER.try_with(|()| ()).is_ok() || self.calls.fetch_add(1, Ordering::SeqCst) + 1 != self.nth {
            return None;
        }
        *self.hit.lock().expect("no panic under the lock") = Some(verb);
        Some(self.fault)
    }

    async fn run<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.next(verb) {
            None => call.await,
            Some(Fault::Before) => Err(StoreError::Unavailable { reason: format!("`{verb}` was made to fail") }),
            Some(Fault::After) => {
                call.await?;
                Err(StoreError::Unknown { reason: format!("the reply to `{verb}` was made to be lost") })
            }
        }
    }
}

/// The store.
#[derive(Clone)]
pub struct FaultStore {
    inner: Arc<dyn Store>,
    plan: Arc<FaultPlan>,
}

impl FaultStore {
    /// A store that fails as planned.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

/// Hands every verb to the inner store by way of the plan.
macro_rules! by_plan {
    ($($verb:ident($($name:ident: $kind:ty),*) -> $output:ty;)*) => {
        #[async_trait]
        impl Store for FaultStore {
            fn now(&self) -> Timestamp {
                self.inner.now()
            }

            fn changes(&self) -> broadcast::Receiver<Change> {
                self.inner.changes()
            }

            $(async fn $verb(&self, $($name: $kind),*) -> Result<$output, StoreError> {
                self.plan.run(stringify!($verb), self.inner.$verb($($name),*)).await
            })*
        }
    };
}

by_plan! {
    create(new: NewTask) -> Created;
    get(session: &SessionId, id: &TaskId) -> Task;
    list(session: &SessionId, query: &TaskQuery) -> TaskPage;
    update(session: &SessionId, id: &TaskId, update: TaskUpdate) -> Task;
    request_cancel(session: &SessionId, id: &TaskId, reason: Option<String>) -> (Task, CancelEffect);
    record_message(session: &SessionId, id: &TaskId, message: NewMessage) -> RecordedMessage;
    messages(session: &SessionId, id: &TaskId, page: &MessagePage) -> Vec<Message>;
    unread(session: &SessionId, id: &TaskId, limit: usize) -> Vec<Message>;
    mark_delivered(session: &SessionId, id: &TaskId, fence: Fence, message: &MessageId) -> ();
    checkpoint(session: &SessionId, id: &TaskId) -> Option<Vec<u8>>;
    result(session: &SessionId, id: &TaskId) -> Option<Value>;
    claim(request: &ClaimRequest) -> Vec<Claimed>;
    held_by(host: &HostRef) -> Vec<Claimed>;
    open_lease(host: &HostRef, length: LeaseLength) -> Lease;
    renew_lease(host: &HostRef) -> ();
    close_lease(host: &HostRef) -> ();
    hosts() -> Vec<HostStatus>;
    lapsed(after: u64, limit: usize) -> LapsedPage;
    reap(session: &SessionId, id: &TaskId, crash_limit: u32) -> Reaped;
    sweep_leases() -> usize;
    finished(before: Timestamp, after: Option<FinishedPlace>, limit: usize) -> FinishedPage;
    forget(session: &SessionId, id: &TaskId, before: Timestamp) -> bool;
    trim_log(before: Timestamp, limit: usize) -> usize;
    next_due(kinds: &[String]) -> Option<Timestamp>;
    events(session: &SessionId, after: u64, limit: usize) -> EventPage;
    wakes(session: &SessionId, limit: usize) -> Vec<Wake>;
    acknowledge_wakes(session: &SessionId, ids: &[u64]) -> usize;
}
