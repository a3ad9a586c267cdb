//! Giving out wakes to hosts, and taking word that they were given.
//! Does not write wakes: each change writes its own.

use taskwright_registry::{HostRef, SessionId, Timestamp};

use super::lease::held;
use super::session::is_woken;
use crate::rows::Transaction;
use crate::{ClaimedWakes, LeaseTime, Page, PageLimit, StoreError};

/// The most wakes in one claim.
const MAX_CLAIM: usize = 1_000;

pub(crate) async fn claim_wakes<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    host: &HostRef,
    limit: usize,
    clock: &LeaseTime,
) -> Result<ClaimedWakes, StoreError> {
    held(rows, host, clock).await?;
    let limit = PageLimit::clamp(limit, MAX_CLAIM);
    let before = rows.wake_claim(session).await?;
    if let Some(other) = before.as_ref().filter(|other| *other != host)
        && rows.find_lease(other).await?.is_some_and(|lease| !lease.ended(clock))
    {
        return Ok(ClaimedWakes::Elsewhere(other.clone()));
    }
    // L47
    if !is_woken(rows, session).await? {
        return Ok(ClaimedWakes::Here(Page::empty(limit)));
    }
    let wakes = Page::cut(rows.pending_wakes(session, limit.applied + 1).await?, limit);
    if !wakes.is_empty() && before.as_ref() != Some(host) {
        rows.put_wake_claim(session, Some(host)).await?;
    }
    Ok(ClaimedWakes::Here(wakes))
}

pub(crate) async fn release_wakes<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    host: &HostRef,
) -> Result<(), StoreError> {
    match rows.wake_claim(session).await? {
        Some(holder) if holder == *host => rows.put_wake_claim(session, None).await,
        _ => Ok(()),
    }
}

pub(crate) async fn acknowledge_wakes<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    ids: &[u64],
    now: Timestamp,
) -> Result<usize, StoreError> {
    rows.acknowledge_wakes(session, ids, now).await
}
