//! The runner's store, with each call counted that it could not carry out.
//! Does not try again or change an answer.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use taskwright_registry::{
    CancelEffect, Fence, HostRef, Lease, LeaseLength, Message, MessageId, NewChild, NewMessage, NewTask, SessionId,
    Task, TaskId, TaskUpdate, Timestamp, Wake,
};
use taskwright_store::{
    Backlog, Change, ClaimRequest, Claimed, ClaimedWakes, CodeInUse, Created, EventPage, FinishedPage, FinishedPlace,
    HostStatus, KindOffer, LapsedPage, MessagePage, Reaped, RecordedMessage, Store, StoreError, TaskPage, TaskQuery,
    WokenPage,
};
use tokio::sync::broadcast;

use crate::metric;

/// A store behind a count.
pub(crate) struct CountedStore(pub(crate) Arc<dyn Store>);

/// Each verb, handed on.
macro_rules! counted {
    ($($verb:ident($($name:ident: $kind:ty),*) -> $output:ty;)*) => {
        #[async_trait]
        impl Store for CountedStore {
            fn now(&self) -> Timestamp {
                self.0.now()
            }

            fn changes(&self) -> broadcast::Receiver<Change> {
                self.0.changes()
            }

            $(async fn $verb(&self, $($name: $kind),*) -> Result<$output, StoreError> {
                self.0.$verb($($name),*).await.inspect_err(|error| metric::store_error(stringify!($verb), error))
            })*
        }
    };
}

counted! {
    create(new: NewTask) -> Created;
    create_child(session: &SessionId, parent: &TaskId, new: NewChild) -> Created;
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
    code_in_use() -> Vec<CodeInUse>;
    next_due(kinds: &[KindOffer], after: Option<Timestamp>) -> Option<Timestamp>;
    backlog(kinds: &[KindOffer]) -> Vec<Backlog>;
    events(session: &SessionId, after: u64, limit: usize) -> EventPage;
    wakes(session: &SessionId, limit: usize) -> Vec<Wake>;
    sessions_with_wakes(after: Option<u64>, limit: usize) -> WokenPage;
    claim_wakes(session: &SessionId, host: &HostRef, limit: usize) -> ClaimedWakes;
    release_wakes(session: &SessionId, host: &HostRef) -> ();
    acknowledge_wakes(session: &SessionId, ids: &[u64]) -> usize;
}
