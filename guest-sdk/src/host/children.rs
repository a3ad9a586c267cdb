//! The imports of `spawner`.
//! It does not decide anything: it carries values across.

use serde_json::Value;

use crate::bindings::taskwright::task::spawner;
use crate::child::{ChildInfo, ChildState, NewChild};
use crate::clock::milliseconds;
use crate::message::Part;
use crate::progress::Progress;
use crate::refusal::Refusal;

fn info(child: spawner::Snapshot) -> ChildInfo {
    let told = |given: spawner::ProgressReport| Progress {
        current: given.current,
        total: given.total,
        unit: given.unit,
        label: given.label,
    };
    ChildInfo {
        id: child.id,
        kind: child.kind,
        display_name: child.display_name,
        name: child.name,
        state: match child.state {
            spawner::ChildState::Queued => ChildState::Queued,
            spawner::ChildState::Running => ChildState::Running,
            spawner::ChildState::AwaitingInput => ChildState::AwaitingInput,
            spawner::ChildState::Succeeded => ChildState::Succeeded,
            spawner::ChildState::Failed => ChildState::Failed,
            spawner::ChildState::Canceled => ChildState::Canceled,
        },
        state_detail: child.state_detail,
        progress: child.progress.map(told),
        question: child.question.map(Into::into),
        summary: child.summary,
        error: child.error.map(|error| (error.kind, error.message)),
        attempt: child.attempt,
        created_at: child.created_at,
        finished_at: child.finished_at,
    }
}

pub(crate) async fn spawn(child: NewChild) -> Result<String, Refusal> {
    let new = spawner::NewChild {
        call: child.call,
        kind: child.kind,
        spec: child.spec.to_string(),
        display_name: child.display_name,
        name: child.name,
        max_attempts: child.max_attempts,
        budget: crate::component::budget(child.budget),
        deadline: child.deadline.map(milliseconds),
        attempt_timeout: child.attempt_timeout.map(milliseconds),
    };
    Ok(spawner::spawn(new).await?)
}

pub(crate) async fn children(after: Option<String>) -> Result<Vec<ChildInfo>, Refusal> {
    Ok(spawner::children(after).await?.into_iter().map(info).collect())
}

pub(crate) async fn child(id: String) -> Result<ChildInfo, Refusal> {
    Ok(info(spawner::child(id).await?))
}

pub(crate) async fn child_result(id: String) -> Result<Option<Value>, Refusal> {
    let result = spawner::child_result(id).await?;
    Ok(result.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

pub(crate) async fn wait_children(ids: Vec<String>, timeout: Option<u64>) -> Result<Option<ChildInfo>, Refusal> {
    Ok(spawner::wait(ids, timeout).await?.map(info))
}

pub(crate) async fn cancel_child(id: String, reason: Option<String>) -> Result<(), Refusal> {
    Ok(spawner::cancel_child(id, reason).await?)
}

pub(crate) async fn message_child(
    id: String,
    parts: Vec<Part>,
    in_reply_to: Option<String>,
) -> Result<String, Refusal> {
    let parts = parts.into_iter().map(Into::into).collect();
    Ok(spawner::message_child(id, parts, in_reply_to).await?)
}
