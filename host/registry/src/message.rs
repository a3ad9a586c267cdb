//! Messages between a session and its task.
//! Does not deliver them: the runner hands them to an instance and acknowledges each.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::size::check_len;
use crate::transition::{Payloads, enter, finish};
use crate::{
    Applied, EventBody, Fence, InputRequestId, MessageId, Phase, Rejection, State, Task, TaskId, Timestamp, WakeCause,
    WakePolicy, check_fence, clean_line, clean_text, limit,
};

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the session to the task.
    Inbound,
    /// From the task to the session.
    Outbound,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text(String),
    /// JSON.
    Data(Value),
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The message's id.
    pub id: MessageId,
    /// The task.
    pub task_id: TaskId,
    /// Which way it goes.
    pub direction: Direction,
    /// What it says.
    pub parts: Vec<Part>,
    /// The question or message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// A message that is to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// The message's id; made by the caller, so that a repetition can be told from a second message.
    pub id: MessageId,
    /// The writer, for messages from an instance.
    pub fence: Option<Fence>,
    /// Which way it goes.
    pub direction: Direction,
    /// What it says; at least one part.
    pub parts: Vec<Part>,
    /// What it answers.
    pub in_reply_to: Option<String>,
}

/// An accepted message with its effect on the task. A store writes both in one transaction (L13).
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The message as it is stored.
    pub message: Message,
    /// The change of the task.
    pub applied: Applied,
    /// Whether it answered the open question.
    pub answered: bool,
}

/// The value that an answer consists of: its first data part, else its text as a JSON string.
fn answer_value(parts: &[Part]) -> Value {
    let data = parts.iter().find_map(|part| match part {
        Part::Data(value) => Some(value.clone()),
        Part::Text(_) => None,
    });
    data.unwrap_or_else(|| {
        let texts: Vec<&str> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Data(_) => None,
            })
            .collect();
        Value::String(texts.join("\n"))
    })
}

/// Decides about a message. An inbound one that answers the open question, and satisfies what was expected, resumes the
/// task (L11); one that answers an older question is kept and resumes nothing.
///
/// # Errors
/// `Superseded`, `Terminal`, `NotAccepting`, `TooLarge`, `TooDeep`, or `Invalid` for an empty message and for an answer that is not as expected.
pub fn record_message(task: &Task, mut new: NewMessage, now: Timestamp) -> Result<Recorded, Rejection> {
    new.check_storable()?;
    check_fence(task, new.fence)?;
    if task.state.is_terminal() {
        return Err(Rejection::Terminal { state: task.state });
    }
    if new.parts.is_empty() {
        return Err(Rejection::Invalid {
            field: "parts".to_owned(),
            problem: "a message needs at least one".to_owned(),
        });
    }
    check_len("parts", new.parts.len(), limit::MESSAGE_PARTS)?;
    let bytes = new.parts.iter().map(|part| match part {
        Part::Text(text) => text.len(),
        Part::Data(value) => value.to_string().len(),
    });
    check_len("message", bytes.sum(), limit::MESSAGE_BYTES)?;
    check_len("in_reply_to", new.in_reply_to.as_ref().map_or(0, String::len), limit::LINK_BYTES)?;

    let mut next = task.clone();
    let mut changes = Vec::new();
    let mut answered = false;
    if new.direction == Direction::Inbound {
        // An answer that comes too late is none of its sender's fault, and is kept (L11).
        let answers = new.in_reply_to.as_ref().is_some_and(|id| id.parse::<InputRequestId>().is_ok());
        if !task.takes_messages && !answers {
            return Err(Rejection::NotAccepting { kind: task.kind.clone() });
        }
        check_len("inbox", task.dispatch.unread as usize + 1, limit::INBOX_MESSAGES)?;
        next.dispatch.unread += 1;
        if next.dispatch.phase == Phase::Hibernating {
            next.make_due(now);
        }
        let open = task.input_request.as_ref().filter(|open| new.in_reply_to.as_deref() == Some(open.id.as_str()));
        if let Some(open) = open {
            if let Some(expected) = &open.expected {
                expected.check(&answer_value(&new.parts)).map_err(|violation| Rejection::Invalid {
                    field: format!("answer{}", violation.pointer),
                    problem: violation.problem,
                })?;
            }
            answered = true;
            enter(&mut next, State::Running, now);
            changes.extend(["input_request", "state"]);
        }
    }
    let direction = new.direction;
    let message = as_stored(&task.id, new, now);
    let mut applied = finish(task, next, &changes, Payloads::default(), now);
    let body = match direction {
        Direction::Inbound => EventBody::MessageSent { message: message.clone() },
        Direction::Outbound => EventBody::MessageReceived { message: message.clone() },
    };
    applied.events.insert(0, body);
    if direction == Direction::Outbound && task.wake_policy == WakePolicy::OnActivity {
        applied.wakes.push(WakeCause::Message { message_id: message.id.clone() });
    }
    Ok(Recorded { message, applied, answered })
}

/// The message as it is stored.
fn as_stored(task_id: &TaskId, new: NewMessage, now: Timestamp) -> Message {
    let clean = |part| match part {
        Part::Text(text) => Part::Text(clean_text(&text, limit::MESSAGE_BYTES)),
        data @ Part::Data(_) => data,
    };
    Message {
        id: new.id,
        task_id: task_id.clone(),
        direction: new.direction,
        parts: new.parts.into_iter().map(clean).collect(),
        in_reply_to: new.in_reply_to.map(|id| clean_line(&id, limit::LINK_BYTES)),
        created_at: now,
    }
}

/// Whether `new`, sent to `task_id`, is the stored message once more and not a second one under the same id (L29).
#[must_use]
pub fn same_message(stored: &Message, task_id: &TaskId, new: &NewMessage) -> bool {
    *stored == as_stored(task_id, new.clone(), stored.created_at)
}

/// Notes that the instance behind `fence` has taken one message (L29). Until its next checkpoint the message is held: an
/// instance that is lost before gives it back (L39). Also accepted from the instance of a task that has ended or lain down
/// meanwhile: what was taken stays taken.
///
/// # Errors
/// `Superseded`.
pub fn acknowledge(task: &Task, fence: Fence, now: Timestamp) -> Result<Applied, Rejection> {
    check_fence(task, Some(fence))?;
    let mut next = task.clone();
    next.dispatch.unread = next.dispatch.unread.saturating_sub(1);
    next.dispatch.held += u32::from(task.dispatch.phase == Phase::Resident);
    Ok(finish(task, next, &[], Payloads::default(), now))
}
