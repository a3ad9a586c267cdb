//! Handing due tasks to a host.
//! Does not renew leases: a host that does not hold one gets nothing (L35).

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use taskwright_registry::{
    DispatchChange, HostRef, Message, SessionId, Task, TaskId, TaskUpdate, Timestamp, apply, limit,
};

use super::lease::held;
use super::write;
use crate::rows::{Rows, Transaction};
use crate::turns::{Room, share_out};
use crate::unreadable::{passed_by, readable};
use crate::{ClaimRequest, Claimed, LeaseTime, StoreError, UnreadableRow};

/// The most tasks that one claim hands out.
const MAX_CLAIM: usize = 500;
/// How many times as many due tasks are looked at as may be claimed.
const WINDOW: usize = 4;

/// How long a task that cannot be read is left alone before a claim looks at it again.
const UNREADABLE_WAITS: TimeDelta = TimeDelta::minutes(1);

/// From how many sessions on none of them has to give more than its part of a claim.
const SEVERAL: usize = 8;

pub(crate) async fn claim<T: Transaction>(
    rows: &mut T,
    request: &ClaimRequest,
    now: Timestamp,
    clock: &LeaseTime,
) -> Result<Vec<Claimed>, StoreError> {
    let limited: Vec<&str> = request.shared.kinds.keys().map(String::as_str).collect();
    if !limited.is_empty() {
        // Before anything else is locked.
        rows.hold_kinds(&limited).await?;
    }
    held(rows, &request.host, clock).await?;
    if request.limit == 0 {
        return Ok(Vec::new());
    }
    let room = room_for_kinds(rows, request).await?;
    let candidates = match &request.only {
        None => in_turn(rows, request, room, now).await?,
        Some(only) => {
            let mut wanted = Vec::from_iter(passed_by(rows.find_task(only).await)?);
            wanted.retain(|task| task.is_due(now) && room.kinds.get(&task.kind) != Some(&0));
            within_sessions(rows, request, wanted).await?
        }
    };
    let mut claimed = Vec::with_capacity(candidates.len());
    for task in candidates {
        let Some(code) = code_for(request, &task) else { continue };
        let (inbox, spec) = match (inbox(rows, &task).await, rows.find_spec(&task.id).await) {
            (Ok(inbox), Ok(spec)) => (inbox, spec),
            (Err(StoreError::Unreadable(row)), _) | (_, Err(StoreError::Unreadable(row))) => {
                set_aside(rows, &task.id, &row, now).await?;
                continue;
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let dispatch = Some(DispatchChange::Claim { host: request.host.clone(), code });
        let applied = apply(&task, TaskUpdate { dispatch, ..TaskUpdate::default() }, now)?;
        let task = write(rows, &task, applied, None, now).await?;
        claimed.push(inbox.with(Task { spec, ..task }));
    }
    Ok(claimed)
}

/// Has a task that cannot be read wait for a while, so that it is in nobody's way: another version may be able to run it.
async fn set_aside<T: Transaction>(
    rows: &mut T,
    id: &TaskId,
    row: &UnreadableRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    row.note();
    rows.postpone(id, now + UNREADABLE_WAITS).await
}

/// What the kinds have room for on all hosts together (L58).
async fn room_for_kinds<R: Rows>(rows: &mut R, request: &ClaimRequest) -> Result<Room, StoreError> {
    let mut room = Room::default();
    for (kind, most) in &request.shared.kinds {
        let at_work = rows.at_work_of(kind, *most).await?;
        room.kinds.insert(kind.clone(), most.saturating_sub(at_work));
    }
    Ok(room)
}

/// Those of these tasks, whose sessions nobody else claims from now, that their sessions have room for on all hosts together (L58).
async fn within_sessions<R: Rows>(
    rows: &mut R,
    request: &ClaimRequest,
    tasks: Vec<Task>,
) -> Result<Vec<Task>, StoreError> {
    let Some(most) = request.shared.session else { return Ok(tasks) };
    let mut turns: HashMap<SessionId, u64> = HashMap::new();
    for task in &tasks {
        if !turns.contains_key(&task.session_id)
            && let Some(turn) = rows.turn_of(&task.session_id).await?
        {
            turns.insert(task.session_id.clone(), turn);
        }
    }
    let all: Vec<u64> = turns.values().copied().collect();
    let mut at_work = rows.at_work_in(&all).await?;
    let mut admitted = Vec::with_capacity(tasks.len());
    for task in tasks {
        let Some(turn) = turns.get(&task.session_id) else { continue };
        let here = at_work.entry(*turn).or_default();
        if *here < most {
            *here += 1;
            admitted.push(task);
        }
    }
    Ok(admitted)
}

/// What the host would run a task with; `None` if it cannot.
fn code_for(request: &ClaimRequest, task: &Task) -> Option<Option<String>> {
    let offer = request.kinds.iter().find(|offer| offer.kind == task.kind)?;
    offer.code_for(task.dispatch.code.as_deref()).map(|code| code.map(str::to_owned))
}

/// The due tasks that a claim hands out, so that a session with many does not keep another's from their turn.
async fn in_turn<T: Transaction>(
    rows: &mut T,
    request: &ClaimRequest,
    mut room: Room,
    now: Timestamp,
) -> Result<Vec<Task>, StoreError> {
    let limit = request.limit.min(MAX_CLAIM);
    let window = limit.saturating_mul(WINDOW);
    let mut due = rows.due(&request.kinds, now, window).await?;
    let after = match &request.turns.after {
        Some(session) => rows.turn_of(session).await?,
        None => None,
    };
    if due.len() >= window {
        // There are more than were looked at, perhaps all of one session: the others' are looked for one by one.
        let few = limit.div_ceil(SEVERAL);
        let mut round = rows.round(&request.kinds, after, now, limit, few).await?;
        let sessions: HashSet<u64> = round.iter().map(|task| task.turn).collect();
        if sessions.len() < SEVERAL && few < limit {
            // So few that each may have to give more.
            round = rows.round(&request.kinds, after, now, limit, limit).await?;
        }
        due.extend(round);
    }
    if let Some(most) = request.shared.session {
        let turns: HashSet<u64> = due.iter().map(|task| task.turn).collect();
        let turns: Vec<u64> = turns.into_iter().collect();
        let at_work = rows.at_work_in(&turns).await?;
        let left = |turn: &u64| most.saturating_sub(at_work.get(turn).copied().unwrap_or_default());
        room.sessions = turns.iter().map(|turn| (*turn, left(turn))).collect();
    }
    let mut tasks = Vec::new();
    for read in rows.at_places(&share_out(due, &request.turns, room, after, limit)).await? {
        match read {
            Ok(task) => tasks.push(task),
            Err(row) => match row.task_id.clone() {
                Some(id) => set_aside(rows, &id, &row, now).await?,
                None => row.note(),
            },
        }
    }
    // In a store where others write meanwhile, somebody may have been faster.
    tasks.retain(|task| task.is_due(now));
    within_sessions(rows, request, tasks).await
}

pub(crate) async fn held_by<R: Rows>(rows: &mut R, host: &HostRef) -> Result<Vec<Claimed>, StoreError> {
    let mut held = Vec::new();
    for task in readable(rows.resident(host).await?) {
        match inbox(rows, &task).await {
            Ok(inbox) => held.push(inbox.with(task)),
            Err(StoreError::Unreadable(row)) => row.note(),
            Err(error) => return Err(error),
        }
    }
    Ok(held)
}

/// What is handed over with a task.
pub(super) struct Inbox {
    checkpoint: Option<Vec<u8>>,
    unread: Vec<Message>,
}

impl Inbox {
    /// The claim of a task as it is after it.
    pub(super) fn with(self, task: Task) -> Claimed {
        Claimed { resumed: task.dispatch.resumed, task, checkpoint: self.checkpoint, unread: self.unread }
    }
}

/// What is handed over with a task: all of it, or none.
pub(super) async fn inbox<R: Rows>(rows: &mut R, task: &Task) -> Result<Inbox, StoreError> {
    let unread = match task.dispatch.unread {
        0 => Vec::new(),
        _ => rows.unread(&task.id, limit::INBOX_MESSAGES).await?,
    };
    let unread = unread.into_iter().collect::<Result<_, _>>().map_err(StoreError::Unreadable)?;
    let checkpoint = if task.checkpoint.is_some() { rows.find_checkpoint(&task.id).await? } else { None };
    Ok(Inbox { checkpoint, unread })
}
