//! Wakes: what a session is told so that it takes a turn, and in which words.
//! Does not deliver them: a store keeps them until they are acknowledged.

use serde::{Deserialize, Serialize};

use crate::{
    InputRequestId, Message, MessageId, Part, SessionId, State, Task, TaskId, Timestamp, WakePolicy, clean_line, limit,
    quoted,
};

/// Why a session is woken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum WakeCause {
    /// The task is over.
    Terminal {
        /// How.
        state: State,
    },
    /// The task asks something.
    AwaitingInput {
        /// The question.
        request_id: InputRequestId,
    },
    /// The task sent a message.
    Message {
        /// Which.
        message_id: MessageId,
    },
}

impl WakeCause {
    /// What tells this cause from another of the same task and attempt.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            WakeCause::Terminal { .. } => "terminal".to_owned(),
            WakeCause::AwaitingInput { request_id } => request_id.to_string(),
            WakeCause::Message { message_id } => message_id.to_string(),
        }
    }
}

/// A row of a session's inbox: written with the transition that caused it, kept until it is acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wake {
    /// Grows within the store.
    pub id: u64,
    /// Whom to wake.
    pub session_id: SessionId,
    /// On whose behalf.
    pub task_id: TaskId,
    /// The task's attempt at that time.
    pub attempt: u32,
    /// Why.
    #[serde(flatten)]
    pub cause: WakeCause,
    /// What to say. The parts that the kind wrote are untrusted.
    pub text: String,
    /// When.
    pub created_at: Timestamp,
}

/// The causes for which the change from `before` to `after` wakes (L18, L19). A question that takes the place of another is
/// one of its own: the session could not answer it otherwise.
pub(crate) fn causes_of_change(before: &Task, after: &Task) -> Vec<WakeCause> {
    let mut causes = Vec::new();
    if before.state.is_live() && after.state.is_terminal() && after.wake_policy != WakePolicy::Silent {
        causes.push(WakeCause::Terminal { state: after.state });
    }
    let id = |task: &Task| task.input_request.as_ref().map(|request| request.id.clone());
    if let (WakePolicy::OnActivity, Some(request_id)) =
        (after.wake_policy, id(after).filter(|new| id(before).as_ref() != Some(new)))
    {
        causes.push(WakeCause::AwaitingInput { request_id });
    }
    causes
}

/// The words of a wake. Fixed, so that an agent's instructions can rely on them; what the kind wrote stands in quotation
/// marks behind the word `untrusted`. The task's name stands in quotation marks, which no name can end, and the kind of an
/// error is one word.
#[must_use]
pub fn wake_text(task: &Task, cause: &WakeCause, message: Option<&Message>) -> String {
    let name = quoted(&task.display_name, 120);
    let id = &task.id;
    let quote = |text: &str| format!("untrusted text from the task: {}", quoted(text, 600));
    let text = match cause {
        WakeCause::Terminal { state } => {
            let mut text = format!("Task {name} ({id}) finished: {state}.");
            if let (State::Failed, Some(error)) = (state, &task.error) {
                text.push_str(&format!(" Error {}, {}.", word(&error.kind), quote(&error.message)));
            }
            if let Some(summary) = &task.summary {
                text.push_str(&format!(" Summary, {}.", quote(summary)));
            }
            if let Some(path) = &task.result_path {
                text.push_str(&format!(" Result: {path}."));
            }
            text
        }
        WakeCause::AwaitingInput { .. } => {
            let prompt = task.input_request.as_ref().map_or("", |request| &request.prompt);
            format!("Task {name} ({id}) is awaiting input, {}.", quote(prompt))
        }
        WakeCause::Message { .. } => {
            let said = message.and_then(|message| {
                message.parts.iter().find_map(|part| match part {
                    Part::Text(text) => Some(quote(text)),
                    Part::Data(_) => None,
                })
            });
            format!("Task {name} ({id}) sent a message, {}.", said.unwrap_or_else(|| "structured data".to_owned()))
        }
    };
    clean_line(&text, limit::WAKE_TEXT_BYTES)
}

/// The kind of an error, as one word: whatever else it holds becomes underscores.
fn word(kind: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    kind.chars().take(64).map(|c| if fits(c) { c } else { '_' }).collect()
}
