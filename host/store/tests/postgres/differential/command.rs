//! What is done to a store, and what it says.
//! Does not choose: `draw` does.

use std::fmt::Debug;

use taskwright_registry::{
    CloseOrder, Fence, HostRef, LeaseLength, MessageId, NewChild, NewMessage, NewTask, SessionId, SessionOwner,
    SessionState, TaskId, TaskUpdate, Timestamp,
};
use taskwright_store::{
    CancelCount, CancelScope, CancelWalk, ClaimRequest, ClaimedWakes, KindOffer, MessagePage, SessionQuery, Store,
    TaskQuery,
};

/// How far pages are followed: a store that goes round in circles is different too.
const PAGES: usize = 50;

/// One call, or one question with all its pages.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Create(Box<NewTask>),
    CreateChild(SessionId, TaskId, Box<NewChild>),
    Update(SessionId, TaskId, Box<TaskUpdate>),
    RequestCancel(SessionId, TaskId, Option<String>),
    RecordMessage(SessionId, TaskId, NewMessage),
    MarkDelivered(SessionId, TaskId, Fence, MessageId),
    Claim(ClaimRequest),
    OpenLease(HostRef, LeaseLength),
    RenewLease(HostRef),
    CloseLease(HostRef),
    Reap(SessionId, TaskId, u32),
    SweepLeases,
    Forget(SessionId, TaskId, Timestamp),
    TrimLog(Timestamp, usize),
    /// The wakes at these places of those that are pending.
    Acknowledge(SessionId, Vec<usize>),
    ClaimWakes(SessionId, HostRef),
    ReleaseWakes(SessionId, HostRef),
    OpenSession(SessionId, Option<SessionOwner>),
    Suspend(SessionId),
    Resume(SessionId),
    Close(SessionId, CloseOrder),
    CarryOut(SessionId, usize),
    Delete(SessionId),
    Erase(SessionId, usize),
    Transfer(SessionId, Vec<TaskId>, SessionId),
    CancelMany(SessionId, CancelScope),
    TakeOn(SessionId, TaskId, HostRef, Option<String>),
    /// Both clocks go on, in milliseconds.
    Wait(i64),
    List(SessionId, TaskQuery),
    Messages(SessionId, TaskId, MessagePage),
    Sessions(Vec<SessionState>, usize),
    Finished(Timestamp, usize),
    Lapsed(usize),
    Work(Vec<KindOffer>, Option<Timestamp>),
    Held(HostRef),
}

/// What a store says, as text.
fn said(outcome: impl Debug) -> String {
    format!("{outcome:#?}")
}

/// All pages of a list: what each holds, and whether there is another.
async fn paged<P: Debug, N, F>(mut page: impl FnMut(Option<N>) -> F) -> String
where
    F: Future<Output = (P, Option<N>)>,
{
    let (mut pages, mut next) = (Vec::new(), None);
    for _ in 0..PAGES {
        let (held, behind) = page(next).await;
        pages.push((held, behind.is_some()));
        next = behind;
        if next.is_none() {
            break;
        }
    }
    said(pages)
}

impl Command {
    /// Does it, and says what the store said, but for numbers that each store gives as it likes.
    #[expect(clippy::too_many_lines, reason = "one line or two for each verb")]
    pub(crate) async fn run(&self, store: &dyn Store) -> String {
        match self.clone() {
            Self::Create(new) => said(store.create(*new).await),
            Self::CreateChild(session, id, new) => said(store.create_child(&session, &id, *new).await),
            Self::Update(session, id, update) => said(store.update(&session, &id, *update).await),
            Self::RequestCancel(session, id, reason) => said(store.request_cancel(&session, &id, reason).await),
            Self::RecordMessage(session, id, message) => said(store.record_message(&session, &id, message).await),
            Self::MarkDelivered(session, id, fence, message) => {
                said(store.mark_delivered(&session, &id, fence, &message).await)
            }
            Self::Claim(request) => said(store.claim(&request).await),
            Self::OpenLease(host, length) => said(store.open_lease(&host, length).await),
            Self::RenewLease(host) => said(store.renew_lease(&host).await),
            Self::CloseLease(host) => said(store.close_lease(&host).await),
            Self::Reap(session, id, limit) => said(store.reap(&session, &id, limit).await),
            Self::SweepLeases => said(store.sweep_leases().await),
            Self::Forget(session, id, before) => said(store.forget(&session, &id, before).await),
            Self::TrimLog(before, limit) => said(store.trim_log(before, limit).await),
            Self::Acknowledge(session, places) => {
                let pending = store.wakes(&session, 1_000).await.expect("wakes");
                let ids: Vec<u64> = places.iter().filter_map(|place| pending.get(*place)).map(|wake| wake.id).collect();
                said(store.acknowledge_wakes(&session, &ids).await)
            }
            Self::ClaimWakes(session, host) => {
                said(store.claim_wakes(&session, &host, 10).await.map(|claimed| match claimed {
                    ClaimedWakes::Here(page) => Ok(page.iter().map(without_id).collect::<Vec<_>>()),
                    ClaimedWakes::Elsewhere(host) => Err(host),
                }))
            }
            Self::ReleaseWakes(session, host) => said(store.release_wakes(&session, &host).await),
            Self::OpenSession(session, owner) => said(store.open_session(&session, owner).await),
            Self::Suspend(session) => said(store.suspend_session(&session).await),
            Self::Resume(session) => said(store.resume_session(&session).await),
            Self::Close(session, order) => said(store.close_session(&session, order).await),
            Self::CarryOut(session, limit) => said(store.carry_out_close(&session, limit).await),
            Self::Delete(session) => said(store.delete_session(&session).await),
            Self::Erase(session, limit) => {
                let tasks = store.to_erase(&session, limit).await;
                let erased = store.erase(&session, tasks.as_deref().unwrap_or_default()).await;
                said((tasks, erased))
            }
            Self::Transfer(from, tasks, to) => said(store.transfer(&from, &tasks, &to).await),
            Self::CancelMany(session, scope) => {
                let mut walk = Some(CancelWalk::new(&session, scope));
                let (mut count, mut ended) = (CancelCount::default(), Vec::new());
                while let Some(next) = walk {
                    match store.cancel_step(&session, next, Some("enough".to_owned())).await {
                        Ok(step) => {
                            count.add(step.count);
                            ended.extend(step.ended);
                            walk = step.rest;
                        }
                        Err(error) => return said((count, ended, error)),
                    }
                }
                said((count, ended))
            }
            Self::TakeOn(session, id, host, remote) => said(store.take_on(&session, &id, &host, remote).await),
            Self::Wait(_) => String::new(),
            Self::List(session, query) => {
                paged(async |after: Option<TaskId>| {
                    let after = after.or(query.after.clone());
                    let page = store.list(&session, &TaskQuery { after, ..query.clone() }).await.expect("a list");
                    ((page.tasks, page.limit), page.next)
                })
                .await
            }
            Self::Messages(session, id, page) => said(store.messages(&session, &id, &page).await),
            Self::Sessions(states, limit) => {
                paged(async |after: Option<SessionId>| {
                    let query = SessionQuery { states: states.clone(), after, limit };
                    let page = store.sessions(&query).await.expect("sessions");
                    (page.sessions, page.next)
                })
                .await
            }
            Self::Finished(before, limit) => {
                paged(async |after| {
                    let page = store.finished(before, after, limit).await.expect("finished tasks");
                    (page.tasks, page.next)
                })
                .await
            }
            Self::Lapsed(limit) => {
                paged(async |after: Option<u64>| {
                    let page = store.lapsed(after.unwrap_or(0), limit).await.expect("lapsed tasks");
                    (page.tasks, page.next)
                })
                .await
            }
            Self::Work(kinds, after) => said((
                store.backlog(&kinds).await,
                store.next_due(&kinds, after).await,
                store.code_in_use().await,
                store.external_overdue(10).await,
                store.external_cancels(0, 10).await.map(|page| page.cancels),
                store.ending_sessions(10).await,
                store.sessions_with_wakes(None, 100).await.map(|page| page.sessions),
            )),
            Self::Held(host) => said((store.held_by(&host).await, store.hosts().await)),
        }
    }
}

/// A wake but for its number, which a store gives.
pub(crate) fn without_id(wake: &taskwright_registry::Wake) -> taskwright_registry::Wake {
    taskwright_registry::Wake { id: 0, ..wake.clone() }
}
