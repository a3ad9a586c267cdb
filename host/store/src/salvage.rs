//! What is left of a task or a session whose record cannot be read: what its columns say, and each part of the record that can be
//! read by itself.
//! Does not end the task: the core does, once there is a record again.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use taskwright_registry::{
    NewTask, Phase, SessionId, SessionRecord, SessionRejection, State, Task, TaskId, Timestamp, WakePolicy, create,
    open_session,
};

use crate::StoreError;
use crate::column::{encode, of_row, read};

/// A task as its columns have it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredTask {
    pub(crate) id: TaskId,
    pub(crate) session_id: SessionId,
    pub(crate) kind: String,
    pub(crate) version: u64,
    /// The word for its state.
    pub(crate) state: String,
    pub(crate) finished_at: Option<Timestamp>,
    /// The text that cannot be read.
    pub(crate) record: String,
}

/// A record that can be read, as much like the stored one as there is left of it.
pub(crate) fn salvage(stored: &StoredTask, now: Timestamp) -> Result<Task, StoreError> {
    let new = NewTask::new(stored.id.clone(), stored.session_id.clone(), stored.kind.as_str(), Value::Null);
    // Where nothing says how its session is to be told, it is told.
    let stub = create(NewTask { wake_policy: WakePolicy::OnTerminal, ..new }, now)?;
    let mut task = filled(stub, &stored.record)?;
    (task.id, task.session_id, task.kind) = (stored.id.clone(), stored.session_id.clone(), stored.kind.clone());
    (task.version, task.finished_at) = (stored.version, stored.finished_at);
    task.state = stored.state.parse().map_err(|error| of_row("a state", error))?;
    if task.state == State::AwaitingInput && task.input_request.is_none() {
        task.state = State::Running;
    }
    if task.state.is_terminal() {
        task.dispatch.phase = Phase::Over;
        task.finished_at.get_or_insert(now);
    }
    Ok(task)
}

/// A session that can be read, as much like the stored one as there is left of it. Where its state is not left it is suspended: its
/// tasks go on, and nobody is woken for them until somebody has looked at it.
pub(crate) fn salvage_session(id: &SessionId, text: &str, now: Timestamp) -> Result<SessionRecord, StoreError> {
    let rejected = |reason: SessionRejection| StoreError::SessionRejected { session: id.clone(), reason };
    let stub = open_session(id.clone(), None, now).suspended(now).map_err(rejected)?;
    let session: SessionRecord = filled(stub, text)?;
    Ok(SessionRecord { id: id.clone(), updated_at: now, version: session.version.saturating_add(1), ..session })
}

/// A record with each part of a text in it that can be read and makes sense there.
fn filled<R: Serialize + DeserializeOwned>(stub: R, text: &str) -> Result<R, StoreError> {
    let mut record: Value = read(&encode("a record", &stub)?).map_err(|error| of_row("a record", error))?;
    for (name, text) in parts(text) {
        let (Ok(part), Some(fields)) = (read::<Value>(text), record.as_object_mut()) else { continue };
        let before = fields.insert(name.clone(), part);
        if R::deserialize(&record).is_err()
            && let Some(fields) = record.as_object_mut()
        {
            match before {
                Some(before) => fields.insert(name, before),
                None => fields.remove(&name),
            };
        }
    }
    R::deserialize(&record).map_err(|error| of_row("a record", error))
}

/// The parts of an object by name, each as text. What is no object has those that come before the place where it is none.
fn parts(text: &str) -> Vec<(String, &str)> {
    let (mut parts, mut depth, mut quoted, mut escaped) = (Vec::new(), 0usize, false, false);
    let (mut begin, mut name): (usize, Option<String>) = (0, None);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b':' if depth == 1 && name.is_none() => {
                name = text.get(begin..at).and_then(|name| read(name).ok());
                begin = at + 1;
            }
            b',' | b'}' if depth == 1 => {
                if let (Some(name), Some(part)) = (name.take(), text.get(begin..at)) {
                    parts.push((name, part));
                }
                begin = at + 1;
                depth -= usize::from(byte == b'}');
            }
            b'{' | b'[' => {
                depth += 1;
                if depth == 1 {
                    begin = at + 1;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use taskwright_registry::SessionState;

    use super::*;

    #[test]
    fn a_session_keeps_its_state_or_is_suspended() {
        let now = chrono::DateTime::UNIX_EPOCH;
        let id = "s".parse::<SessionId>().unwrap();
        let closed = SessionRecord { state: SessionState::Closed, version: 7, ..open_session(id.clone(), None, now) };
        let text = serde_json::to_string(&closed).unwrap();
        let cut = &text[..text.find("\"opened_at\"").unwrap()];
        for (text, state, version) in [
            (cut, SessionState::Closed, 3),
            ("{\"state\":7}", SessionState::Suspended, 3),
            ("", SessionState::Suspended, 3),
        ] {
            let session = salvage_session(&id, text, now).unwrap();
            assert_eq!((session.state, session.version, &session.id), (state, version, &id), "{text}");
        }
    }

    #[test]
    fn all_that_can_be_read_by_itself_is_kept() {
        let now = chrono::DateTime::UNIX_EPOCH;
        let (id, session) = (TaskId::new(now, [1; 10]), "s".parse::<SessionId>().unwrap());
        let new = NewTask {
            name: Some("a-name".to_owned()),
            ..NewTask::new(id.clone(), session.clone(), "probe", Value::Null)
        };
        let mut record = serde_json::to_value(create(new, now).unwrap()).unwrap();
        record["input_request"] =
            json!({"id": format!("inreq_{}", "0".repeat(32)), "prompt": "a \"{,}\" b", "expected": "HERE"});
        record["summary"] = json!("so far, {so good}");
        record["state"] = json!("awaiting_input");
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let record = record.to_string().replace("\"HERE\"", &deep);
        let stored = StoredTask {
            id,
            session_id: session,
            kind: "probe".to_owned(),
            version: 7,
            state: "awaiting_input".to_owned(),
            finished_at: None,
            record,
        };
        let task = salvage(&stored, now).unwrap();
        assert_eq!((task.name.as_deref(), task.summary.as_deref()), (Some("a-name"), Some("so far, {so good}")));
        assert_eq!((task.version, task.state, task.input_request), (7, State::Running, None));
        for record in ["", "{", "null", "[1]", "{\"name\":", "\"\\"] {
            let task = salvage(&StoredTask { record: record.to_owned(), ..stored.clone() }, now).unwrap();
            assert_eq!((task.version, task.id), (7, stored.id.clone()), "{record}");
        }
    }
}
