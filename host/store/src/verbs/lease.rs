//! Leases of hosts, and taking over what the holders of ended ones have left.
//! Does not decide what becomes of such a task: the core does.

use taskwright_registry::{HostRef, Lease, LeaseLength, SessionId, TaskId, Timestamp, apply, settle_loss};

use super::{find_own, write};
use crate::rows::{LeaseRow, Rows, Transaction};
use crate::{HostStatus, LapsedPage, LeaseTime, PageLimit, Reaped, StoreError};

/// The most tasks in one page of what is to be taken over.
const MAX_PAGE: usize = 1_000;

/// The lease of a host, if it holds one (L35).
pub(super) async fn held<R: Rows>(rows: &mut R, host: &HostRef, clock: &LeaseTime) -> Result<LeaseRow, StoreError> {
    match rows.find_lease(host).await? {
        Some(lease) if !lease.ended(clock) => Ok(lease),
        _ => Err(StoreError::LeaseLost { host: host.clone() }),
    }
}

pub(crate) async fn open_lease<T: Transaction>(
    rows: &mut T,
    host: &HostRef,
    length: LeaseLength,
    now: Timestamp,
    clock: &LeaseTime,
) -> Result<Lease, StoreError> {
    let earlier = rows.leases_of(&host.id).await?;
    if let Some(same) = earlier.iter().find(|lease| lease.host.epoch >= host.epoch) {
        // The same call again, after its reply was lost, finds what it made; anything else comes too late.
        if same.host == *host && !same.ended(clock) && same.length == length {
            return Ok(Lease { host: host.clone(), length });
        }
        return Err(StoreError::LeaseLost { host: host.clone() });
    }
    for lease in earlier {
        if !lease.taken {
            // Who begins an epoch has given up the one before.
            rows.put_lease(&LeaseRow { taken: true, ..lease }).await?;
        }
    }
    let lease = LeaseRow::new(host.clone(), length, now, clock);
    rows.put_lease(&lease).await?;
    Ok(Lease { host: host.clone(), length })
}

pub(crate) async fn renew_lease<T: Transaction>(
    rows: &mut T,
    host: &HostRef,
    now: Timestamp,
    clock: &LeaseTime,
) -> Result<(), StoreError> {
    match rows.find_lease(host).await? {
        // One that is over but that nobody has taken can still be renewed: nothing has happened in between (L37).
        Some(lease) if !lease.taken && lease.era == *clock.era => {
            rows.put_lease(&LeaseRow {
                opened_at: lease.opened_at,
                ..LeaseRow::new(lease.host, lease.length, now, clock)
            })
            .await
        }
        _ => Err(StoreError::LeaseLost { host: host.clone() }),
    }
}

pub(crate) async fn close_lease<T: Transaction>(rows: &mut T, host: &HostRef) -> Result<(), StoreError> {
    let Some(lease) = rows.find_lease(host).await? else { return Ok(()) };
    if rows.resident_count(host).await? == 0 {
        rows.delete_lease(host).await
    } else if !lease.taken {
        rows.put_lease(&LeaseRow { taken: true, ..lease }).await
    } else {
        Ok(())
    }
}

pub(crate) async fn hosts<R: Rows>(rows: &mut R, clock: &LeaseTime) -> Result<Vec<HostStatus>, StoreError> {
    let mut hosts = Vec::new();
    for lease in rows.leases().await? {
        hosts.push(HostStatus {
            resident: rows.resident_count(&lease.host).await?,
            alive: !lease.ended(clock),
            length: lease.length,
            opened_at: lease.opened_at,
            renewed_at: lease.renewed_at,
            host: lease.host,
        });
    }
    Ok(hosts)
}

pub(crate) async fn lapsed<R: Rows>(
    rows: &mut R,
    after: u64,
    limit: usize,
    clock: &LeaseTime,
) -> Result<LapsedPage, StoreError> {
    let limit = PageLimit::clamp(limit, MAX_PAGE);
    let mut tasks = Vec::new();
    for lease in rows.leases().await?.into_iter().filter(|lease| lease.ended(clock)) {
        tasks.extend(rows.resident_after(&lease.host, after, limit.applied + 1).await?);
    }
    tasks.sort_by_key(|(place, _)| *place);
    let more = tasks.len() > limit.applied;
    tasks.truncate(limit.applied);
    let next = tasks.last().filter(|_| more).map(|(place, _)| *place);
    Ok(LapsedPage { tasks: tasks.into_iter().map(|(_, task)| task).collect(), next, limit })
}

pub(crate) async fn reap<T: Transaction>(
    rows: &mut T,
    session: &SessionId,
    id: &TaskId,
    crash_limit: u32,
    now: Timestamp,
    clock: &LeaseTime,
) -> Result<Reaped, StoreError> {
    let task = find_own(rows, session, id).await?;
    let (Some(host), Some(update)) = (task.dispatch.host.clone(), settle_loss(&task, crash_limit)) else {
        return Ok(Reaped::Untouched);
    };
    let lease = rows.find_lease(&host).await?;
    if lease.as_ref().is_some_and(|lease| !lease.ended(clock)) {
        return Ok(Reaped::Untouched);
    }
    let applied = apply(&task, update, now)?;
    if let Some(lease) = lease.filter(|lease| !lease.taken) {
        // From here on its host cannot renew it any more (L37).
        rows.put_lease(&LeaseRow { taken: true, ..lease }).await?;
    }
    let task = write(rows, &task, applied, None, now).await?;
    Ok(if task.state.is_live() { Reaped::Reattached(task) } else { Reaped::Ended(task) })
}

pub(crate) async fn sweep_leases<T: Transaction>(rows: &mut T, clock: &LeaseTime) -> Result<usize, StoreError> {
    let mut swept = 0;
    for lease in rows.leases().await?.into_iter().filter(|lease| lease.ended(clock)) {
        if rows.resident_count(&lease.host).await? == 0 {
            rows.delete_lease(&lease.host).await?;
            swept += 1;
        }
    }
    Ok(swept)
}
