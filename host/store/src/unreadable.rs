//! Rows that cannot be read: what is known of one, and saying so once.
//! Does not read or mend any: `repair` does.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Serialize;
use taskwright_registry::{InvalidId, SessionId, TaskId, Timestamp, Wake, WakeCause, clean_line};

use crate::StoreError;
use crate::column::time;

/// How many rows are remembered as told of; from then on they are told of again.
const REMEMBERED: usize = 10_000;
/// How much of a decoder's reason is kept, in bytes.
const REASON_BYTES: usize = 200;

/// The reason where a row is not there that has to be.
pub(crate) const MISSING: &str = "it is missing";

/// What sort of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadableKind {
    /// The record of a session.
    Session,
    /// The record of a task.
    Task,
    /// What a task is for.
    Spec,
    /// What a task left.
    Result,
    /// A message, of either direction.
    Message,
    /// An entry of a session's log.
    Event,
    /// A wake that may not have been acknowledged.
    Wake,
}

impl UnreadableKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Task => "task",
            Self::Spec => "spec",
            Self::Result => "result",
            Self::Message => "message",
            Self::Event => "event",
            Self::Wake => "wake",
        }
    }
}

/// A row that this version cannot read: it is damaged, or another version has written it. It concerns its own task alone, or its own
/// session if it is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadableRow {
    /// Whose it is.
    pub session_id: SessionId,
    /// Which task it belongs to; none for a session.
    pub task_id: Option<TaskId>,
    /// What it is.
    pub what: UnreadableKind,
    /// Which: the id of the session, task or message, the number of the event or wake.
    pub id: String,
    /// What the decoder says, in at most 200 bytes.
    pub reason: String,
}

impl std::fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { session_id, task_id, what, id, reason } = self;
        write!(f, "the {} {id}", what.as_str())?;
        if let Some(task) = task_id.as_ref().filter(|task| task.as_str() != id) {
            write!(f, " of {task}")?;
        }
        if *what != UnreadableKind::Session {
            write!(f, " in session {session_id}")?;
        }
        write!(f, " cannot be read: {reason}")
    }
}

impl UnreadableRow {
    fn new(what: UnreadableKind, session: &SessionId, task: Option<&TaskId>, id: &str, reason: &str) -> Self {
        let reason = clean_line(reason, REASON_BYTES);
        Self { session_id: session.clone(), task_id: task.cloned(), what, id: id.to_owned(), reason }
    }

    pub(crate) fn session(session: &SessionId, reason: &str) -> Self {
        Self::new(UnreadableKind::Session, session, None, session.as_str(), reason)
    }

    /// What there is one of for each task.
    pub(crate) fn of_task(what: UnreadableKind, session: &SessionId, task: &TaskId, reason: &str) -> Self {
        Self::new(what, session, Some(task), task.as_str(), reason)
    }

    /// What there are several of.
    pub(crate) fn part(what: UnreadableKind, session: &SessionId, task: &TaskId, id: &str, reason: &str) -> Self {
        Self::new(what, session, Some(task), id, reason)
    }

    /// What belongs to a task, as far as what it says of its task is an id.
    pub(crate) fn of(what: UnreadableKind, session: &SessionId, task: &str, id: &str, reason: &str) -> Self {
        Self::new(what, session, task.parse().ok().as_ref(), id, reason)
    }

    /// Says in the log and in the metrics that the row was passed by, once for each process.
    pub(crate) fn note(&self) {
        static TOLD: LazyLock<Mutex<HashSet<(UnreadableKind, String)>>> = LazyLock::new(Mutex::default);
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.clear();
        }
        let id = match self.what {
            UnreadableKind::Event => format!("{}/{}", self.session_id, self.id),
            _ => self.id.clone(),
        };
        if told.insert((self.what, id)) {
            tracing::warn!("{self}; it is passed by, and everything else goes on");
            metrics::counter!("taskwright_unreadable_rows_total", "what" => self.what.as_str()).increment(1);
        }
    }
}

/// What was read of a row.
pub(crate) type Read<T> = Result<T, UnreadableRow>;

/// Those that could be read. The others are noted.
pub(crate) fn readable<T>(rows: Vec<Read<T>>) -> Vec<T> {
    parted(rows).0
}

/// Those that could be read, and the others, which are noted.
pub(crate) fn parted<T>(rows: Vec<Read<T>>) -> (Vec<T>, Vec<UnreadableRow>) {
    let (mut whole, mut passed) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match row {
            Ok(value) => whole.push(value),
            Err(row) => {
                row.note();
                passed.push(row);
            }
        }
    }
    (whole, passed)
}

/// What was found, or nothing where it cannot be read, which is noted: for what other tasks decide by.
pub(crate) fn passed_by<T>(found: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match found {
        Err(StoreError::Unreadable(row)) => {
            row.note();
            Ok(None)
        }
        found => found,
    }
}

/// What is wrong with the columns of a wake beside its cause, if anything.
fn of_wake(id: i64, task: &str, attempt: i64, created_at: i64) -> Result<(u64, TaskId, u32, Timestamp), String> {
    Ok((
        u64::try_from(id).map_err(|_| format!("no wake has the number {id}"))?,
        task.parse().map_err(|error: InvalidId| error.to_string())?,
        u32::try_from(attempt).map_err(|_| format!("no attempt has the number {attempt}"))?,
        time(created_at).map_err(|_| format!("{created_at} is no time"))?,
    ))
}

/// A wake from its columns: its number and its task, its attempt and its time, its cause and its text.
pub(crate) fn whole_wake(
    session: &SessionId,
    (id, task): (i64, &str),
    (attempt, created_at): (i64, i64),
    cause: Result<WakeCause, String>,
    text: String,
) -> Read<Wake> {
    let whole = of_wake(id, task, attempt, created_at).and_then(|columns| Ok((columns, cause?)));
    match whole {
        Ok(((id, task_id, attempt, created_at), cause)) => {
            Ok(Wake { id, session_id: session.clone(), task_id, attempt, cause, text, created_at })
        }
        Err(reason) => Err(UnreadableRow::of(UnreadableKind::Wake, session, task, &id.to_string(), &reason)),
    }
}

/// What is wrong with a wake, if anything, where its columns are texts.
pub(crate) fn judge_wake(id: &str, task: &str, attempt: &str, created_at: &str, cause: &str) -> Result<(), String> {
    let number = |text: &str| text.parse::<i64>().map_err(|error| error.to_string());
    of_wake(number(id)?, task, number(attempt)?, number(created_at)?)?;
    crate::column::read::<WakeCause>(cause).map(|_| ())
}
