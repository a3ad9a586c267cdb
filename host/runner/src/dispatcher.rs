//! Claims due tasks whenever there is room, and hands each to an execution.
//! Does not poll while nothing is due: it sleeps until the next due time or until it hears of work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use taskwright_registry::{HostRef, SessionId, TaskId, Timestamp};
use taskwright_store::{ClaimRequest, Claimed, StoreError};
use tracing::Instrument;

use crate::admission::Permits;
use crate::execution::execute;
use crate::metric;
use crate::runner::Inner;
use crate::signal::Listener;
use crate::span;

/// When the store is asked even if no signal came. Whatever that finds was missed, which is a fault and counted as one (L59).
const SAFETY_POLL: Duration = Duration::from_secs(5);
/// How long to wait after the store has refused.
const AFTER_ERROR: Duration = Duration::from_millis(250);
/// How long to wait at most where the store refuses again and again what a wait does not mend.
const AFTER_REFUSALS: Duration = SAFETY_POLL;
/// How often it is tried to find out what a claim without a reply has brought.
const RECOVERIES: u32 = 20;
/// How long ends are gathered before it is asked whether they make room for others.
const AFTER_AN_END: Duration = Duration::from_millis(20);
/// Tasks claimed in one go.
const BATCH: usize = 64;
/// What the memory of all guests must have left before anything is claimed: a small guest of Rust.
const SMALLEST_GUEST: u64 = 2 << 20;

/// Runs until the runner drains. What it waits for is given up then, but never a claim that is on its way: what it brings would
/// belong to a host that knows nothing of it.
pub(crate) async fn dispatch(inner: Arc<Inner>, only: Option<TaskId>) {
    let mut grown = inner.catalog.grown.listen();
    let mut left = inner.hub.left.listen();
    let mut freed = inner.admission.listen();
    let mut polled = false;
    let mut pause = AFTER_ERROR;
    loop {
        let Some((host, permits)) = unless_drained(&inner, ready(&inner)).await else { return };
        // Before the look at what is held: what is given back from here on is heard of.
        freed.catch_up();
        grown.catch_up();
        left.catch_up();
        let turns = inner.admission.turns();
        let asked = inner.store.now();
        let request = ClaimRequest {
            host,
            kinds: inner.catalog.offers(),
            only: only.clone(),
            limit: permits.len(),
            turns,
            shared: inner.config.shared_limits.clone(),
        };
        match inner.store.claim(&request).await {
            Ok(claimed) => {
                pause = AFTER_ERROR;
                if std::mem::take(&mut polled) && !claimed.is_empty() {
                    metric::missed_work(claimed.len());
                }
                let full = claimed.len() == request.limit;
                let mut given: HashMap<SessionId, usize> = HashMap::new();
                for claimed in &claimed {
                    *given.entry(claimed.task.session_id.clone()).or_default() += 1;
                }
                for (claimed, permit) in claimed.into_iter().zip(permits) {
                    spawn(&inner, claimed, permit);
                }
                if full || inner.admission.limit(&request.turns, &given) {
                    continue;
                }
                let work = wait_for_work(&inner, &request, asked, [&mut freed, &mut grown, &mut left]);
                let Some(why) = unless_drained(&inner, work).await else { return };
                polled = why == Why::Polled;
            }
            Err(error) => {
                tracing::warn!(%error, "no work can be claimed now");
                drop(permits);
                let refused = !error.may_pass() && !matches!(error, StoreError::LeaseLost { .. });
                for _ in 0..RECOVERIES {
                    tokio::time::sleep(AFTER_ERROR).await;
                    if recover(&inner, &request.host).await {
                        break;
                    }
                }
                if refused {
                    if unless_drained(&inner, tokio::time::sleep(pause)).await.is_none() {
                        return;
                    }
                    pause = (pause * 2).min(AFTER_REFUSALS);
                }
            }
        }
    }
}

/// What comes of waiting, unless the runner drains first.
async fn unless_drained<T>(inner: &Inner, what: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = inner.drain.raised() => None,
        given = what => Some(given),
    }
}

/// Waits for places and for the lease.
async fn ready(inner: &Inner) -> (HostRef, Vec<Permits>) {
    let mut permits = Vec::new();
    permits.extend(inner.admission.permit().await);
    if let Some(sandbox) = inner.sandbox.made() {
        sandbox.wait_for_memory(SMALLEST_GUEST).await;
    }
    let host = inner.lease.host().await;
    while permits.len() < BATCH
        && let Some(more) = inner.admission.try_permit()
    {
        permits.push(more);
    }
    (host, permits)
}

/// Why the store is asked for work again.
#[derive(PartialEq, Eq)]
enum Why {
    /// Something is due by now, or may be had by now.
    Work,
    /// No reason was given for a long time.
    Polled,
}

/// Sleeps until the next task is due, or something was heard that is due earlier, or there is a kind that was not
/// there. What was due when the last claim was made and was not handed out belongs to sessions that have as much as
/// they may have: it waits until one of them gives something back.
async fn wait_for_work(
    inner: &Inner,
    request: &ClaimRequest,
    asked: Timestamp,
    [freed, grown, left]: [&mut Listener<()>; 3],
) -> Why {
    let due = match inner.store.next_due(&request.kinds, Some(asked)).await {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "the next task cannot be looked up now");
            tokio::time::sleep(AFTER_ERROR).await;
            return Why::Work;
        }
    };
    let until = |at: Timestamp| (at - inner.store.now()).to_std().unwrap_or(Duration::ZERO);
    // Work of which the store says that it is due, but which this host may not take, is no reason to ask again at once.
    let mut wait = due.map_or(SAFETY_POLL, |at| until(at).min(SAFETY_POLL)).max(Duration::from_millis(1));
    if request.only.is_some() {
        wait = SAFETY_POLL;
    }
    let begun = tokio::time::Instant::now();
    let mut deadline = begun + wait;
    loop {
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(deadline) => {
                return if deadline < begun + SAFETY_POLL { Why::Work } else { Why::Polled };
            }
            () = freed.changed() => return Why::Work,
            () = grown.changed() => return Why::Work,
            // What a limit of all hosts has kept back may go on when something of any host has ended.
            () = left.changed(), if !request.shared.is_empty() => {
                tokio::time::sleep(AFTER_AN_END).await;
                return Why::Work;
            }
            at = inner.hub.due.next() => {
                let wait = until(at);
                if wait.is_zero() {
                    return Why::Work;
                }
                deadline = deadline.min(tokio::time::Instant::now() + wait);
            }
        }
    }
}

/// After a claim whose reply was lost: takes up what the store says this host holds and nobody runs. Says whether there is
/// an answer, which may be that there will be none.
async fn recover(inner: &Arc<Inner>, host: &HostRef) -> bool {
    let held = match inner.store.held_by(host).await {
        Ok(held) => held,
        Err(error) => return !error.may_pass(),
    };
    for claimed in held {
        if inner.at_work.holds(&claimed.task) {
            continue;
        }
        if let Some(permits) = inner.admission.permit().await {
            spawn(inner, claimed, permits);
        }
    }
    true
}

fn spawn(inner: &Arc<Inner>, claimed: Claimed, permits: Permits) {
    let work = inner.at_work.begin(&claimed.task);
    // Now, and not when its turn to run has come: the next claim is shared out by what is held.
    let (slot, resident) = inner.admission.admit(permits, &claimed.task.session_id);
    let inner_of_task = inner.clone();
    let span = span::of_instance(&claimed.task, claimed.resumed);
    let execution = async move {
        let _work = work;
        execute(inner_of_task, claimed, slot, resident).await;
    };
    inner.executions.spawn(execution.instrument(span));
}
