//! Child tasks: what an instance may begin, and how its task hears of the end (L41, L42).
//! Does not say what a child is granted: the runner does, from the kinds that the record names.

use chrono::TimeDelta;

use crate::transition::{Payloads, finish};
use crate::{Applied, Fence, Lineage, NewTask, Phase, Rejection, Task, TaskId, Timestamp, check_fence, create};

/// How many children an instance may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildLimits {
    /// Generations below a task that no instance has begun; a child of such a task is the first.
    pub max_depth: u32,
    /// Children of one task that are live at one time.
    pub max_live: u32,
    /// Children that one task begins within a minute.
    pub per_minute: u32,
}

impl ChildLimits {
    /// What is counted at most; whatever is above stands for no limit.
    pub const COUNTED: u32 = 1_000;

    /// Generations are limited all the same: who is granted something looks at all of them.
    pub const DEEPEST: u32 = 16;

    /// For trusted code.
    pub const NONE: Self = Self { max_depth: u32::MAX, max_live: u32::MAX, per_minute: u32::MAX };
}

/// Whose grants a child's are bounded by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantedWithin {
    /// Those of its parent's kind, and of whatever bounds its parent.
    Parent,
    /// Those of whatever bounds its parent: the parent is trusted code.
    ParentsBounds,
    /// Nobody's: the operator lets the parent begin such children with what their own kind is granted.
    Nobody,
}

/// A child task that is to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChild {
    /// The instance that begins it.
    pub fence: Fence,
    /// The parent's name for the call: the same name again is the same child.
    pub call: String,
    /// How many there may be.
    pub limits: ChildLimits,
    /// Whose grants bound it.
    pub within: GrantedWithin,
    /// The task. Session, lineage and key are set by the core; budget and deadline become no wider than the parent's.
    pub task: NewTask,
}

/// The key under which a child is found again.
#[must_use]
pub fn child_key(parent: &TaskId, call: &str) -> String {
    format!("child/{parent}/{call}")
}

/// Whether an instance may begin a child at all (L41).
///
/// # Errors
/// `Superseded`, `Terminal`, `OutOfPhase`, `Canceling`.
pub fn admit_child(parent: &Task, fence: Fence) -> Result<(), Rejection> {
    check_fence(parent, Some(fence))?;
    if parent.state.is_terminal() {
        return Err(Rejection::Terminal { state: parent.state });
    }
    if parent.dispatch.phase != Phase::Resident {
        return Err(Rejection::OutOfPhase { expected: "resident", actual: parent.dispatch.phase });
    }
    if parent.cancel.is_some() {
        return Err(Rejection::Canceling);
    }
    Ok(())
}

/// Checks how many children there are already: `live` ones, and when the newest were created, newest first.
///
/// # Errors
/// `TooManyChildren`.
pub fn check_numbers(limits: &ChildLimits, live: usize, newest: &[Timestamp], now: Timestamp) -> Result<(), Rejection> {
    let most = |limit: u32| (limit <= ChildLimits::COUNTED).then_some(limit);
    if let Some(allowed) = most(limits.max_live)
        && live >= allowed as usize
    {
        return Err(Rejection::TooManyChildren { limit: "children_live", allowed, wanted: allowed.saturating_add(1) });
    }
    if let Some(allowed) = most(limits.per_minute) {
        let minute_ago = now - TimeDelta::minutes(1);
        let fresh = newest.iter().filter(|at| **at > minute_ago).count();
        if fresh >= allowed as usize {
            let limit = "children_per_minute";
            return Err(Rejection::TooManyChildren { limit, allowed, wanted: allowed.saturating_add(1) });
        }
    }
    Ok(())
}

/// Makes the record of a child.
///
/// # Errors
/// `TooManyChildren` for one that would be too deep; else as `create`.
pub fn create_child(parent: &Task, new: NewChild, now: Timestamp) -> Result<Task, Rejection> {
    let NewChild { call, limits, within, task: new, .. } = new;
    let depth = parent.depth.saturating_add(1);
    let allowed = limits.max_depth.min(ChildLimits::DEEPEST);
    if depth > allowed {
        return Err(Rejection::TooManyChildren { limit: "children_depth", allowed, wanted: depth });
    }
    let mut granted_within = match within {
        GrantedWithin::Nobody => Vec::new(),
        GrantedWithin::Parent | GrantedWithin::ParentsBounds => parent.granted_within.clone(),
    };
    if within == GrantedWithin::Parent && !granted_within.contains(&parent.kind) {
        granted_within.push(parent.kind.clone());
    }
    let child = create(
        NewTask {
            session_id: parent.session_id.clone(),
            parent: Lineage { task_id: Some(parent.id.to_string()), ..parent.parent.clone() },
            idempotency_key: Some(child_key(&parent.id, &call)),
            budget: new.budget.narrowed_by(&parent.budget),
            deadline: new.deadline.into_iter().chain(parent.deadline).min(),
            visibility: parent.visibility,
            priority: parent.priority,
            close_policy: parent.close_policy,
            traceparent: parent.traceparent.clone(),
            ..new
        },
        now,
    )?;
    Ok(Task { depth, granted_within, ..child })
}

/// Whether a stored task is the child that this call begins: it may be asked for again after the time, or with other
/// limits, and is the same.
#[must_use]
pub fn same_child(stored: &Task, wanted: &Task) -> bool {
    stored.parent.task_id == wanted.parent.task_id
        && stored.depth > 0
        && stored.session_id == wanted.session_id
        && stored.kind == wanted.kind
        && stored.spec == wanted.spec
}

/// A child of a task is over: the task looks at once if it hibernates, and when it lies down next otherwise (L42). `None` if
/// the task is over itself.
#[must_use]
pub fn child_ended(parent: &Task, now: Timestamp) -> Option<Applied> {
    if parent.state.is_terminal() {
        return None;
    }
    let mut next = parent.clone();
    next.dispatch.child_ended = true;
    if next.dispatch.phase == Phase::Hibernating {
        next.make_due(next.dispatch.due_at.map_or(now, |due| due.min(now)));
    }
    Some(finish(parent, next, &[], Payloads::default(), now))
}
