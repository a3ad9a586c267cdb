//! What is looked at of each sort of row to know whether it can be read, in either database.
//! Does not run the statements.

use taskwright_registry::{Message, SessionId, SessionRecord, Task};

use crate::column::{of_id, rank, read};
use crate::encoded::read_event;
use crate::unreadable::{MISSING, UnreadableKind, judge_wake};
use crate::{StoreError, UnreadableRow};

/// Rows behind a place (`$1`), at most so many (`$2`): place, session, task if it has one, id, text, and two columns beside it.
pub(crate) const fn sql(what: UnreadableKind) -> &'static str {
    match what {
        UnreadableKind::Session => {
            "SELECT no, id, CAST(NULL AS text), id, record, CAST(NULL AS text), CAST(NULL AS text) FROM sessions
             WHERE no > $1 AND record IS NOT NULL ORDER BY no LIMIT $2"
        }
        UnreadableKind::Task => {
            "SELECT t.no, s.id, t.id, t.id, t.record, CAST(t.priority AS text), CAST(NULL AS text) FROM tasks t JOIN sessions s ON s.no = t.session
             WHERE t.no > $1 ORDER BY t.no LIMIT $2"
        }
        UnreadableKind::Spec => {
            "SELECT t.no, s.id, t.id, t.id, p.spec, CAST(NULL AS text), CAST(NULL AS text)
             FROM tasks t LEFT JOIN specs p ON p.task = t.no JOIN sessions s ON s.no = t.session
             WHERE t.no > $1 ORDER BY t.no LIMIT $2"
        }
        UnreadableKind::Result => {
            "SELECT t.no, s.id, t.id, t.id, r.result, CAST(NULL AS text), CAST(NULL AS text)
             FROM results r JOIN tasks t ON t.no = r.task JOIN sessions s ON s.no = t.session
             WHERE r.task > $1 ORDER BY r.task LIMIT $2"
        }
        UnreadableKind::Message => {
            "SELECT m.no, s.id, t.id, m.id, m.body, CAST(NULL AS text), CAST(NULL AS text)
             FROM messages m JOIN tasks t ON t.no = m.task JOIN sessions s ON s.no = t.session
             WHERE m.no > $1 ORDER BY m.no LIMIT $2"
        }
        UnreadableKind::Event => {
            "SELECT e.no, s.id, e.task_id, CAST(e.seq AS text), e.body, e.type, e.changes
             FROM events e JOIN sessions s ON s.no = e.session WHERE e.no > $1 ORDER BY e.no LIMIT $2"
        }
        UnreadableKind::Wake => {
            "SELECT w.id, s.id, w.task_id, CAST(w.id AS text), w.cause, CAST(w.attempt AS text), CAST(w.created_at AS text)
             FROM wakes w JOIN sessions s ON s.no = w.session WHERE w.id > $1 ORDER BY w.id LIMIT $2"
        }
    }
}

/// What a statement of `sql` gives, behind the place.
pub(crate) struct Looked {
    pub(crate) session: String,
    pub(crate) task: Option<String>,
    pub(crate) id: String,
    /// None where it is no text at all.
    pub(crate) text: Option<String>,
    /// The type of an event, the rank of a task's priority, the attempt of a wake.
    pub(crate) beside: Option<String>,
    /// What an event changes, when a wake was made.
    pub(crate) further: Option<String>,
}

/// The row, if it cannot be read.
pub(crate) fn judge(what: UnreadableKind, looked: &Looked) -> Result<Option<UnreadableRow>, StoreError> {
    let (beside, further) = (looked.beside.as_deref().unwrap_or_default(), looked.further.as_deref());
    let task = looked.task.as_deref().unwrap_or_default();
    let wrong = match &looked.text {
        None if what == UnreadableKind::Spec => Some(MISSING.to_owned()),
        None => Some("it is no text".to_owned()),
        Some(text) => match what {
            UnreadableKind::Session => read::<SessionRecord>(text).err(),
            UnreadableKind::Task => {
                let priority = beside.parse().map_err(|error: std::num::ParseIntError| error.to_string());
                read::<Task>(text).and_then(|_| rank(priority?)).err()
            }
            UnreadableKind::Spec | UnreadableKind::Result => read::<serde_json::Value>(text).err(),
            UnreadableKind::Message => read::<Message>(text).err(),
            UnreadableKind::Event => read_event(beside, further, text).err(),
            UnreadableKind::Wake => judge_wake(&looked.id, task, beside, further.unwrap_or_default(), text).err(),
        },
    };
    let Some(reason) = wrong else { return Ok(None) };
    let session: SessionId = looked.session.parse().map_err(of_id)?;
    Ok(Some(match &looked.task {
        Some(task) => UnreadableRow::of(what, &session, task, &looked.id, &reason),
        None => UnreadableRow::session(&session, &reason),
    }))
}
