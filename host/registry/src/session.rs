//! The record of a session, and the pure function behind each step of its life.
//! Does not act on tasks: `close_fate` says what closing means for one, and a store carries it out.

use serde::{Deserialize, Serialize};

use crate::fence::is_zero;
use crate::size::check_len;
use crate::{ClosePolicy, Rejection, SessionId, Task, TaskId, Timestamp, clean_text, limit};

/// Where a session stands (L45).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It takes tasks and is woken.
    Open,
    /// It takes tasks, which go on; its wakes wait.
    Suspended,
    /// It begins nothing more; what closing means for its live tasks is being carried out.
    Closing,
    /// It begins nothing more. Tasks that were to be kept may still be live.
    Closed,
}

impl SessionState {
    /// Every state, in the order of a session's life.
    pub const ALL: [Self; 4] = [Self::Open, Self::Suspended, Self::Closing, Self::Closed];

    /// The state's name, as it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Suspended => "suspended",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }

    /// Whether tasks may be created in it, or moved to it.
    #[must_use]
    pub const fn takes_tasks(self) -> bool {
        matches!(self, Self::Open | Self::Suspended)
    }
}

impl std::fmt::Display for SessionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose a session is: what ends its owner's work may end its own (L49).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOwner {
    /// The session that has opened it.
    pub session_id: SessionId,
    /// The task on whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
}

/// A session. One that nobody has opened is open from its first task on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The session's id.
    pub id: SessionId,
    /// Where it stands.
    pub state: SessionState,
    /// Whose it is, if it is somebody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<SessionOwner>,
    /// Where tasks go whose close policy is `transfer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<SessionId>,
    /// Why it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_reason: Option<String>,
    /// How far closing has come: the place in order of creation behind which tasks have not been looked at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub closed_up_to: u64,
    /// Whether it is to be deleted, with everything in it, once nothing in it is live.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete: bool,
    /// When the work on whose behalf it was opened was canceled: nothing begins in it any more (L49).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<Timestamp>,
    /// When it was opened, or got its first task.
    pub opened_at: Timestamp,
    /// Since when it has been suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<Timestamp>,
    /// When it was closed; its end was planned in that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows with every change that is stored.
    pub version: u64,
}

/// How a session is to be closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloseOrder {
    /// Where tasks go whose close policy is `transfer`.
    pub successor: Option<SessionId>,
    /// Why; the reason of the cancels too. At most 4,096 bytes.
    pub reason: Option<String>,
    /// Whether the session is to be deleted once nothing in it is live.
    pub delete: bool,
}

/// Why a session does not do what was asked of it. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionRejection {
    /// It begins nothing more.
    #[error("the session is {state} and takes no tasks any more; use another")]
    Over {
        /// Where it stands.
        state: SessionState,
    },
    /// What it was opened for was canceled.
    #[error("the work for which the session was opened was canceled at {at}, and nothing begins in it any more")]
    Canceled {
        /// When.
        at: Timestamp,
    },
    /// It has to be closed before.
    #[error("the session is {state}: close it before it is deleted")]
    NotClosed {
        /// Where it stands.
        state: SessionState,
    },
    /// It was opened on behalf of another.
    #[error("the session was opened {expected} and not {actual}")]
    OtherOwner {
        /// Whose it is, in words.
        expected: String,
        /// Whose it was to be, in words.
        actual: String,
    },
    /// It was closed already, with another successor.
    #[error("the session was closed {expected} and not {actual}; a close is not changed")]
    OtherSuccessor {
        /// With which, in words.
        expected: String,
        /// With which this time, in words.
        actual: String,
    },
    /// It cannot follow itself.
    #[error("a session cannot be its own successor; name another")]
    OwnSuccessor,
    /// A task is to go to a successor and there is none.
    #[error("the close policy of {task} is to move to the session's successor, and none is named")]
    NeedsSuccessor {
        /// The first such task.
        task: TaskId,
    },
    /// A child would be taken away from an instance that looks after it.
    #[error(
        "{child} was begun by an instance of {parent}, which is live and stays; move {parent}, and its children follow"
    )]
    ParentStays {
        /// The task that was to be moved.
        child: TaskId,
        /// Its parent.
        parent: TaskId,
    },
    /// Too much to move in one transaction.
    #[error("{wanted} tasks with their children are too many to move at one time; at most {allowed}")]
    TooMany {
        /// How many there may be.
        allowed: usize,
        /// How many there would be.
        wanted: usize,
    },
}

/// A new session.
#[must_use]
pub fn open_session(id: SessionId, owner: Option<SessionOwner>, now: Timestamp) -> SessionRecord {
    SessionRecord {
        id,
        state: SessionState::Open,
        owner,
        successor: None,
        close_reason: None,
        closed_up_to: 0,
        delete: false,
        canceled_at: None,
        opened_at: now,
        suspended_at: None,
        closed_at: None,
        updated_at: now,
        version: 1,
    }
}

impl SessionRecord {
    /// Whether a task may be created in the session or moved to it (L45, L49).
    ///
    /// # Errors
    /// `Over`, `Canceled`.
    pub fn admit(&self) -> Result<(), SessionRejection> {
        if !self.state.takes_tasks() {
            return Err(SessionRejection::Over { state: self.state });
        }
        match self.canceled_at {
            Some(at) => Err(SessionRejection::Canceled { at }),
            None => Ok(()),
        }
    }

    /// Whether its end is planned and not carried out (L46, L50).
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.state == SessionState::Closing || self.delete
    }

    /// Whether opening it again asks for this very session.
    ///
    /// # Errors
    /// `Over`, `OtherOwner`.
    pub fn reopened(&self, owner: Option<&SessionOwner>) -> Result<(), SessionRejection> {
        if !self.state.takes_tasks() {
            return Err(SessionRejection::Over { state: self.state });
        }
        if self.owner.as_ref() != owner {
            let words = |owner: Option<&SessionOwner>| match owner {
                None => "by nobody in particular".to_owned(),
                Some(SessionOwner { session_id, task_id: None }) => format!("by the session {session_id}"),
                Some(SessionOwner { session_id, task_id: Some(task) }) => format!("by {task} of {session_id}"),
            };
            return Err(SessionRejection::OtherOwner { expected: words(self.owner.as_ref()), actual: words(owner) });
        }
        Ok(())
    }

    /// Lets its wakes wait. Idempotent.
    ///
    /// # Errors
    /// `Over`.
    pub fn suspended(&self, now: Timestamp) -> Result<Self, SessionRejection> {
        self.between(SessionState::Suspended, Some(now), now)
    }

    /// Lets it be woken again, also for what has waited. Idempotent.
    ///
    /// # Errors
    /// `Over`.
    pub fn resumed(&self, now: Timestamp) -> Result<Self, SessionRejection> {
        self.between(SessionState::Open, None, now)
    }

    fn between(
        &self,
        state: SessionState,
        suspended_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, SessionRejection> {
        if !self.state.takes_tasks() {
            return Err(SessionRejection::Over { state: self.state });
        }
        if self.state == state {
            return Ok(self.clone());
        }
        Ok(self.stamped(Self { state, suspended_at, ..self.clone() }, now))
    }

    /// Plans its end. The same order again changes nothing, but may add the wish to delete it.
    ///
    /// # Errors
    /// `OwnSuccessor`, `OtherSuccessor`.
    pub fn closing(&self, order: &CloseOrder, now: Timestamp) -> Result<Self, SessionRejection> {
        if order.successor.as_ref() == Some(&self.id) {
            return Err(SessionRejection::OwnSuccessor);
        }
        if !self.state.takes_tasks() {
            if self.successor != order.successor {
                let words = |successor: &Option<SessionId>| match successor {
                    None => "without a successor".to_owned(),
                    Some(id) => format!("with the successor {id}"),
                };
                let (expected, actual) = (words(&self.successor), words(&order.successor));
                return Err(SessionRejection::OtherSuccessor { expected, actual });
            }
            return if order.delete { self.deleted(now) } else { Ok(self.clone()) };
        }
        let next = Self {
            state: SessionState::Closing,
            successor: order.successor.clone(),
            close_reason: order.reason.as_ref().map(|text| clean_text(text, limit::REASON_BYTES)),
            delete: order.delete,
            closed_at: Some(now),
            suspended_at: None,
            ..self.clone()
        };
        Ok(self.stamped(next, now))
    }

    /// A step of closing is done: all tasks up to a place were looked at, or all there are.
    #[must_use]
    pub fn closed_up_to(&self, place: Option<u64>, now: Timestamp) -> Self {
        let next = match place {
            Some(place) => Self { closed_up_to: place, ..self.clone() },
            None => Self { state: SessionState::Closed, ..self.clone() },
        };
        self.stamped(next, now)
    }

    /// Wishes it deleted. Idempotent.
    ///
    /// # Errors
    /// `NotClosed`.
    pub fn deleted(&self, now: Timestamp) -> Result<Self, SessionRejection> {
        if self.state.takes_tasks() {
            return Err(SessionRejection::NotClosed { state: self.state });
        }
        Ok(self.stamped(Self { delete: true, ..self.clone() }, now))
    }

    /// The work on whose behalf it was opened is canceled (L49).
    #[must_use]
    pub fn canceled(&self, now: Timestamp) -> Self {
        self.stamped(Self { canceled_at: Some(self.canceled_at.unwrap_or(now)), ..self.clone() }, now)
    }

    /// Counts and stamps what has changed.
    fn stamped(&self, next: Self, now: Timestamp) -> Self {
        if next == *self {
            return next;
        }
        Self { version: self.version + 1, updated_at: now.max(self.updated_at), ..next }
    }
}

/// Checks the reason of a close or of a cancel of many tasks before anything is looked up for it.
///
/// # Errors
/// `TooLarge`.
pub fn check_reason(reason: Option<&str>) -> Result<(), Rejection> {
    check_len("reason", reason.map_or(0, str::len), limit::REASON_BYTES)
}

/// What closing a session means for one of its live tasks (L46).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseFate {
    /// It goes on where it is.
    Stays,
    /// Its end is wanted.
    Canceled,
    /// It moves to the successor.
    Moves,
}

/// What closing its session means for a task.
#[must_use]
pub fn close_fate(task: &Task) -> CloseFate {
    match task.close_policy {
        _ if task.state.is_terminal() => CloseFate::Stays,
        ClosePolicy::Keep => CloseFate::Stays,
        ClosePolicy::Cancel => CloseFate::Canceled,
        ClosePolicy::Transfer => CloseFate::Moves,
    }
}

/// The record of a task that has moved to another session, fence and all as before (L48).
#[must_use]
pub fn moved(task: &Task, to: &SessionId, now: Timestamp) -> Task {
    Task { session_id: to.clone(), version: task.version + 1, updated_at: now.max(task.updated_at), ..task.clone() }
}
