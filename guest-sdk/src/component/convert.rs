//! Values between the SDK's types and the generated ones.
//! It does not check anything: the host has, and a value that does not parse as JSON is passed on as text.

use serde_json::Value;

use crate::bindings::exports::taskwright::task::executor as wit;
use crate::bindings::taskwright::task::{http, types};
use crate::cancel::Cancel;
use crate::clock::milliseconds;
use crate::description::{Budget, Description, Reattach, Want};
use crate::dispatch::{self, RawTask};
use crate::failure::{Failure, Retry};
use crate::message::{InputRequest, Message, Part};
use crate::refusal::{Limit, Refusal};
use crate::step::{Completion, Outcome, Step};
use crate::task::{Lineage, TaskInfo};

pub(super) fn description(description: Description, spec_schema: String) -> wit::Description {
    let Description { kind, version, summary, reattach, takes_messages, wants, budget } = description;
    let wants = wants.into_iter().map(|want| {
        let Want { capability, name, reason, required } = want;
        types::Want { capability, name, reason, required }
    });
    let wants = wants.collect();
    let can_reattach = match reattach {
        Reattach::Never => types::Reattach::Never,
        Reattach::Always => types::Reattach::Always,
        Reattach::AsSpec(pointer) => types::Reattach::AsSpec(pointer),
    };
    wit::Description {
        kind,
        version,
        summary,
        spec_schema,
        can_reattach,
        takes_messages,
        wants,
        budget: self::budget(budget),
    }
}

pub(crate) fn budget(budget: Budget) -> types::Budget {
    types::Budget {
        memory_bytes: budget.memory_bytes,
        table_elements: budget.table_elements,
        instances: budget.instances,
        handles: budget.handles,
        call_bytes: budget.call_bytes,
        host_calls: budget.host_calls,
        host_calls_per_second: budget.host_calls_per_second,
        cpu_time: budget.cpu_time,
        wall_time: budget.wall_time,
        output_bytes: budget.output_bytes,
        artifact_bytes: budget.artifact_bytes,
        messages: budget.messages,
        checkpoint_bytes: budget.checkpoint_bytes,
        file_bytes: budget.file_bytes,
        http_requests: budget.http_requests,
        http_bytes: budget.http_bytes,
        children: budget.children,
    }
}

pub(super) fn outcome(outcome: Outcome<String>) -> Result<wit::Step, wit::Failure> {
    Ok(match outcome? {
        Step::Succeeded(Completion { summary, result }) => wit::Step::Succeeded(types::Completion { summary, result }),
        Step::Canceled(summary) => wit::Step::Canceled(summary),
        Step::Sleep(duration) => wit::Step::Sleep(milliseconds(duration)),
        Step::Wait => wit::Step::Wait,
    })
}

/// JSON from the host, or the text itself should it be none.
fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

impl From<Failure> for wit::Failure {
    fn from(failure: Failure) -> Self {
        let retry = match failure.retry {
            Retry::Never => types::Retry::Never,
            Retry::Backoff => types::Retry::Backoff,
            Retry::After(delay) => types::Retry::After(milliseconds(delay)),
        };
        Self { kind: failure.kind, message: failure.message, retry }
    }
}

impl From<wit::Task> for RawTask {
    fn from(task: wit::Task) -> Self {
        let info = TaskInfo {
            id: task.id,
            session_id: task.session_id,
            kind: task.kind,
            display_name: task.display_name,
            name: task.name,
            attempt: task.attempt,
            max_attempts: task.max_attempts,
            checkpoint: task.checkpoint,
            pending_input: task.pending_input.map(Into::into),
            cancel: task.cancel.map(Into::into),
            parent: task.parent.map(Into::into),
            deadline: task.deadline,
            created_at: task.created_at,
        };
        dispatch::RawTask { info, spec: task.spec }
    }
}

impl From<wit::Message> for Message {
    fn from(message: wit::Message) -> Self {
        let parts = message.parts.into_iter().map(|part| match part {
            types::Part::Text(text) => Part::Text(text),
            types::Part::Data(data) => Part::Data(json(data)),
        });
        let parts = parts.collect();
        Self { id: message.id, parts, in_reply_to: message.in_reply_to, created_at: message.created_at }
    }
}

impl From<Part> for types::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::Text(text) => Self::Text(text),
            Part::Data(data) => Self::Data(data.to_string()),
        }
    }
}

impl From<types::InputRequest> for InputRequest {
    fn from(request: types::InputRequest) -> Self {
        Self { id: request.id, prompt: request.prompt, expected: request.expected.map(json) }
    }
}

impl From<types::Cancel> for Cancel {
    fn from(cancel: types::Cancel) -> Self {
        Self { requested_at: cancel.requested_at, reason: cancel.reason }
    }
}

impl From<types::Lineage> for Lineage {
    fn from(lineage: types::Lineage) -> Self {
        let types::Lineage { task_id, run_id, call_id, agent_id } = lineage;
        Self { task_id, run_id, call_id, agent_id }
    }
}

impl From<types::Refusal> for Refusal {
    fn from(refusal: types::Refusal) -> Self {
        match refusal {
            types::Refusal::Superseded => Self::Superseded,
            types::Refusal::Terminal => Self::Terminal,
            types::Refusal::Invalid(what) => Self::Invalid(what),
            types::Refusal::Denied(what) => Self::Denied(what),
            types::Refusal::LimitExceeded(types::Limit { dimension, allowed, wanted }) => {
                Self::LimitExceeded(Limit { dimension, allowed, wanted })
            }
            types::Refusal::Unavailable => Self::Unavailable,
            types::Refusal::Other(what) => Self::Other(what),
        }
    }
}

impl From<http::Error> for crate::http::Error {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Invalid(text) => Self::Invalid(text),
            http::Error::Denied(text) => Self::Denied(text),
            http::Error::LimitExceeded(types::Limit { dimension, allowed, wanted }) => {
                Self::LimitExceeded(Limit { dimension, allowed, wanted })
            }
            http::Error::Timeout(text) => Self::Timeout(text),
            http::Error::Dns(text) => Self::Dns(text),
            http::Error::Connection(text) => Self::Connection(text),
            http::Error::Tls(text) => Self::Tls(text),
            http::Error::Protocol(text) => Self::Protocol(text),
        }
    }
}
