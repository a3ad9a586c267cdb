//! Records and events as databases keep them: JSON beside what is looked up.
//! Does not know tables, nor which database.

use taskwright_registry::{Event, EventBody, SessionId, Task, TaskId, Timestamp};

use crate::column::{encode, read};
use crate::{StoreError, UnreadableKind, UnreadableRow};

/// The record that was encoded last, so that the event which follows need not encode it again.
#[derive(Debug, Default)]
pub(crate) struct Encoded(Option<(TaskId, u64, String)>);

impl Encoded {
    /// Encodes a record, without its specification, and keeps the text.
    pub(crate) fn record(&mut self, task: &Task) -> Result<&str, StoreError> {
        let text = if task.spec.is_null() { encode("a record", task)? } else { encode("a record", &task.snapshot())? };
        let (_, _, text) = self.0.insert((task.id.clone(), task.version, text));
        Ok(text)
    }

    /// What was kept.
    pub(crate) fn kept(&self) -> Option<&str> {
        self.0.as_ref().map(|(_, _, text)| text.as_str())
    }

    /// The text of a record, from the write before if that was its own.
    fn take(&mut self, task: &Task) -> Result<String, StoreError> {
        match self.0.take() {
            Some((id, version, text)) if id == task.id && version == task.version => Ok(text),
            _ => encode("a record", task),
        }
    }

    /// What an event consists of: the names of what has changed, if it tells of a change, and its body.
    pub(crate) fn event(&mut self, body: &EventBody) -> Result<(Option<String>, String), StoreError> {
        Ok(match body {
            EventBody::Created { task } => (None, self.take(task)?),
            EventBody::Updated { task, changes } => (Some(changes.join(",")), self.take(task)?),
            EventBody::MessageSent { message } | EventBody::MessageReceived { message } => {
                (None, encode("a message", message)?)
            }
            EventBody::Transferred { .. } | EventBody::Unreadable { .. } => (None, encode("an event", body)?),
        })
    }
}

/// The body of an event of a type, or what is wrong with it.
pub(crate) fn read_event(kind: &str, changes: Option<&str>, body: &str) -> Result<EventBody, String> {
    Ok(match kind {
        "task.created" => EventBody::Created { task: read(body)? },
        "task.updated" => {
            let changes = changes.ok_or("it does not say what has changed")?;
            let changes = changes.split(',').map(str::to_owned).collect();
            EventBody::Updated { task: read(body)?, changes }
        }
        "task.message.sent" => EventBody::MessageSent { message: read(body)? },
        "task.message.received" => EventBody::MessageReceived { message: read(body)? },
        _ => read(body)?,
    })
}

/// An event, also one whose body cannot be read: the log keeps its numbers without a gap.
pub(crate) fn event(
    place: (&SessionId, u64, &TaskId, Timestamp),
    kind: &str,
    changes: Option<&str>,
    body: &str,
) -> Event {
    let (session_id, seq, task_id, at) = place;
    let body = read_event(kind, changes, body).unwrap_or_else(|reason| {
        let row = UnreadableRow::part(UnreadableKind::Event, session_id, task_id, &seq.to_string(), &reason);
        row.note();
        EventBody::Unreadable { was: kind.to_owned(), problem: row.reason }
    });
    Event { session_id: session_id.clone(), seq, task_id: task_id.clone(), at, body }
}

/// Whether everything of a record that has a column of its own is as it was.
pub(crate) fn same_columns(before: &Task, after: &Task) -> bool {
    before.state == after.state
        && before.dispatch.phase == after.dispatch.phase
        && before.dispatch.due_at == after.dispatch.due_at
        && before.dispatch.due_at_once == after.dispatch.due_at_once
        && before.dispatch.host == after.dispatch.host
        && before.dispatch.code == after.dispatch.code
        && before.reported_at == after.reported_at
        && before.external_ends_at() == after.external_ends_at()
        && before.external_cancel_waits() == after.external_cancel_waits()
}
