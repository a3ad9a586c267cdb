//! A store that hands every verb to another one by way of a function of its own.
//! Does not say what that function does: the type with the method `through` and the field `inner` does.

/// What the macro's expansion names; nobody else's business.
#[doc(hidden)]
pub mod names {
    pub use std::path::PathBuf;

    pub use async_trait::async_trait;
    pub use serde_json::Value;
    pub use taskwright_registry::{
        CancelEffect, CloseOrder, Fence, HostRef, Lease, LeaseLength, Message, MessageId, NewChild, NewMessage,
        NewTask, SessionId, SessionOwner, SessionRecord, Task, TaskId, TaskUpdate, Timestamp, Wake,
    };
    pub use tokio::sync::broadcast::Receiver;
}

/// Implements [`Store`](crate::Store) for a type with a field `inner` that is a store, and a method
/// `async fn through<T>(&self, verb: &'static str, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError>`,
/// which may count, delay, refuse or lose the call. `now`, `file` and `changes` are handed on as they are.
#[macro_export]
macro_rules! store_through {
    ($type:ty) => {
        const _: () = {
            use $crate::through::names::*;
            use $crate::{
                Backlog, CancelStep, CancelWalk, Change, ClaimRequest, Claimed, ClaimedWakes, CloseStep, CodeInUse,
                Created, EventPage, ExternalCancelPage, ExternalWork, FinishedPage, FinishedPlace, HostStatus,
                KindOffer, LapsedPage, MessagePage, Page, Reaped, Repair,
                RecordedMessage, SessionPage, SessionQuery, Sessions, Store, StoreError, TaskPage, TaskQuery, UnreadablePage,
                UnreadablePlace, WokenPage,
            };

            $crate::store_through!(@verbs $type, Sessions, {},
                open_session(id: &SessionId, owner: Option<SessionOwner>) -> SessionRecord;
                session(id: &SessionId) -> SessionRecord;
                sessions(query: &SessionQuery) -> SessionPage;
                suspend_session(id: &SessionId) -> SessionRecord;
                resume_session(id: &SessionId) -> SessionRecord;
                close_session(id: &SessionId, order: CloseOrder) -> CloseStep;
                delete_session(id: &SessionId) -> SessionRecord;
                ending_sessions(limit: usize) -> Vec<SessionRecord>;
                carry_out_close(id: &SessionId, limit: usize) -> CloseStep;
                to_erase(id: &SessionId, limit: usize) -> Vec<TaskId>;
                erase(id: &SessionId, tasks: &[TaskId]) -> bool;
                transfer(from: &SessionId, tasks: &[TaskId], to: &SessionId) -> Vec<Task>;
                cancel_step(session: &SessionId, walk: CancelWalk, reason: Option<String>) -> CancelStep;
                held_task(host: &HostRef, id: &TaskId) -> Task;
                claimed_task(id: &TaskId, claim: Fence) -> Option<Task>;
            );
            $crate::store_through!(@verbs $type, ExternalWork, {},
                take_on(session: &SessionId, id: &TaskId, holder: &HostRef, remote: Option<String>) -> Claimed;
                external_cancels(after: u64, limit: usize) -> ExternalCancelPage;
                external_overdue(limit: usize) -> Vec<(SessionId, TaskId)>;
            );
            $crate::store_through!(@verbs $type, Repair, {},
                unreadable(after: Option<UnreadablePlace>) -> UnreadablePage;
                end_unreadable(session: &SessionId, id: &TaskId) -> Task;
                delete_unreadable(session: &SessionId, id: &TaskId) -> ();
                mend_session(id: &SessionId) -> SessionRecord;
            );
            $crate::store_through!(@verbs $type, Store, {
                fn now(&self) -> Timestamp {
                    self.inner.now()
                }

                fn local_paths(&self) -> Vec<std::path::PathBuf> {
                    self.inner.local_paths()
                }

                fn changes(&self) -> Receiver<Change> {
                    self.inner.changes()
                }
            },
                create(new: NewTask) -> Created;
                create_child(session: &SessionId, parent: &TaskId, new: NewChild) -> Created;
                get(session: &SessionId, id: &TaskId) -> Task;
                list(session: &SessionId, query: &TaskQuery) -> TaskPage;
                update(session: &SessionId, id: &TaskId, update: TaskUpdate) -> Task;
                request_cancel(session: &SessionId, id: &TaskId, reason: Option<String>) -> (Task, CancelEffect);
                record_message(session: &SessionId, id: &TaskId, message: NewMessage) -> RecordedMessage;
                messages(session: &SessionId, id: &TaskId, page: &MessagePage) -> Page<Message>;
                unread(session: &SessionId, id: &TaskId, limit: usize) -> Page<Message>;
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
                events(session: &SessionId, after: u64, limit: usize) -> EventPage;
                backlog(kinds: &[KindOffer]) -> Vec<Backlog>;
                wakes(session: &SessionId, limit: usize) -> Page<Wake>;
                sessions_with_wakes(after: Option<u64>, limit: usize) -> WokenPage;
                claim_wakes(session: &SessionId, host: &HostRef, limit: usize) -> ClaimedWakes;
                release_wakes(session: &SessionId, host: &HostRef) -> ();
                acknowledge_wakes(session: &SessionId, ids: &[u64]) -> usize;
            );
        };
    };
    (@verbs $type:ty, $contract:ident, { $($more:item)* }, $($verb:ident($($name:ident: $kind:ty),*) -> $output:ty;)*) => {
        #[async_trait]
        impl $contract for $type {
            $($more)*

            $(async fn $verb(&self, $($name: $kind),*) -> Result<$output, StoreError> {
                self.through(stringify!($verb), self.inner.$verb($($name),*)).await
            })*
        }
    };
}
