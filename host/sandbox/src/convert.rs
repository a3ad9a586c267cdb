//! Between the contract's types and the pure core's.
//! Does not count or pass on anything: that is `contract`.

use std::time::Duration;

use serde_json::Value;
use taskwright_registry as registry;
use taskwright_registry::{
    Description, Failure, Part, Reattach, Schema, State, TaskError, Want, clean_line, clean_text, limit, parse_json,
};

use crate::bindings::exports::taskwright::task::executor;
use crate::bindings::taskwright::task::{sink, spawner, types};
use crate::meter::at_most;
use crate::{ArtifactContent, AttemptError, Budget, Child, NewArtifact, Refusal, Step, TaskContext};

/// Milliseconds since 1970; times before that are 1970.
pub(crate) fn timestamp(time: registry::Timestamp) -> u64 {
    u64::try_from(time.timestamp_millis()).unwrap_or(0)
}

pub(crate) fn cancel(cancel: registry::Cancel) -> types::Cancel {
    types::Cancel { requested_at: timestamp(cancel.requested_at), reason: cancel.reason }
}

pub(crate) fn progress(report: types::ProgressReport) -> registry::Progress {
    registry::Progress { current: report.current, total: report.total, unit: report.unit, label: report.label }
}

pub(crate) fn links(links: sink::LinkSet) -> registry::Links {
    registry::Links {
        child_session_id: links.child_session_id,
        remote_task_id: links.remote_task_id,
        resource_ids: links.resource_ids,
    }
}

pub(crate) fn refusal(refusal: Refusal) -> types::Refusal {
    match refusal {
        Refusal::Superseded => types::Refusal::Superseded,
        Refusal::Terminal => types::Refusal::Terminal,
        Refusal::Invalid(text) => types::Refusal::Invalid(text),
        Refusal::Denied(text) => types::Refusal::Denied(text),
        Refusal::LimitExceeded { dimension, allowed, wanted } => {
            types::Refusal::LimitExceeded(types::Limit { dimension, allowed, wanted })
        }
        Refusal::Unavailable => types::Refusal::Unavailable,
        Refusal::Other(text) => types::Refusal::Other(text),
    }
}

pub(crate) fn part_bytes(part: &types::Part) -> usize {
    match part {
        types::Part::Text(text) | types::Part::Data(text) => text.len(),
    }
}

pub(crate) fn parts(parts: Vec<types::Part>) -> Result<Vec<Part>, Refusal> {
    let convert = |(index, part)| match part {
        types::Part::Text(text) => Ok(Part::Text(text)),
        types::Part::Data(text) => {
            parse_json(&text).map(Part::Data).map_err(|error| Refusal::Invalid(format!("parts[{index}]: {error}")))
        }
    };
    parts.into_iter().enumerate().map(convert).collect()
}

/// The parts of a message that is to be sent.
pub(crate) fn message_parts(given: Vec<types::Part>, in_reply_to: Option<&String>) -> Result<Vec<Part>, Refusal> {
    let bytes: usize = given.iter().map(part_bytes).sum();
    at_most("message_parts", given.len() as u64, limit::MESSAGE_PARTS as u64)?;
    at_most("message_bytes", bytes as u64, limit::MESSAGE_BYTES as u64)?;
    at_most("in_reply_to_bytes", in_reply_to.map_or(0, String::len) as u64, limit::LINK_BYTES as u64)?;
    if given.is_empty() {
        return Err(Refusal::Invalid("parts: a message needs at least one".to_owned()));
    }
    parts(given)
}

pub(crate) fn expected(text: Option<&str>) -> Result<Option<Schema>, Refusal> {
    text.map(Schema::from_json).transpose().map_err(|error| Refusal::Invalid(format!("expected: {error}")))
}

pub(crate) fn content_bytes(content: &sink::ArtifactContent) -> usize {
    match content {
        sink::ArtifactContent::Draft => 0,
        sink::ArtifactContent::Bytes(bytes) => bytes.len(),
        sink::ArtifactContent::Url(url) => url.len(),
    }
}

pub(crate) fn artifact(entry: sink::ArtifactEntry) -> NewArtifact {
    let content = match entry.content {
        sink::ArtifactContent::Draft => ArtifactContent::Draft,
        sink::ArtifactContent::Bytes(bytes) => ArtifactContent::Bytes(bytes),
        sink::ArtifactContent::Url(url) => ArtifactContent::Url(url),
    };
    NewArtifact { name: entry.name, media_type: entry.media_type, content }
}

fn question(open: registry::InputRequest) -> types::InputRequest {
    types::InputRequest {
        id: open.id.into(),
        prompt: open.prompt,
        expected: open.expected.map(|schema| schema.as_value().to_string()),
    }
}

pub(crate) fn child(child: Child) -> spawner::Snapshot {
    let told = |progress: registry::Progress| types::ProgressReport {
        current: progress.current,
        total: progress.total,
        unit: progress.unit,
        label: progress.label,
    };
    spawner::Snapshot {
        id: child.id,
        kind: child.kind,
        display_name: child.display_name,
        name: child.name,
        state: match child.state {
            State::Queued => spawner::ChildState::Queued,
            State::Running => spawner::ChildState::Running,
            State::AwaitingInput => spawner::ChildState::AwaitingInput,
            State::Succeeded => spawner::ChildState::Succeeded,
            State::Failed => spawner::ChildState::Failed,
            State::Canceled => spawner::ChildState::Canceled,
        },
        state_detail: child.state_detail,
        progress: child.progress.map(told),
        question: child.question.map(question),
        summary: child.summary,
        error: child.error.map(|error| spawner::ChildError { kind: error.kind, message: error.message }),
        attempt: child.attempt,
        created_at: timestamp(child.created_at),
        finished_at: child.finished_at.map(timestamp),
    }
}

pub(crate) fn task(context: TaskContext) -> types::Task {
    let TaskContext { task, checkpoint } = context;
    types::Task {
        id: task.id.into(),
        session_id: task.session_id.into(),
        kind: task.kind,
        display_name: task.display_name,
        name: task.name,
        attempt: task.attempt,
        max_attempts: task.max_attempts,
        spec: task.spec.to_string(),
        checkpoint,
        pending_input: task.input_request.map(question),
        cancel: task.cancel.map(cancel),
        parent: (task.parent != registry::Lineage::default()).then_some(types::Lineage {
            task_id: task.parent.task_id,
            run_id: task.parent.run_id,
            call_id: task.parent.call_id,
            agent_id: task.parent.agent_id,
        }),
        deadline: task.deadline.map(timestamp),
        created_at: timestamp(task.created_at),
    }
}

pub(crate) fn message(message: registry::Message) -> types::Message {
    let part = |part| match part {
        Part::Text(text) => types::Part::Text(text),
        Part::Data(value) => types::Part::Data(value.to_string()),
    };
    types::Message {
        id: message.id.into(),
        parts: message.parts.into_iter().map(part).collect(),
        in_reply_to: message.in_reply_to,
        created_at: timestamp(message.created_at),
    }
}

/// What a guest said about its end. Its summary is cut where it is too long; a result that cannot be stored is an error.
pub(crate) fn step(step: executor::Step) -> Result<Step, AttemptError> {
    let summary = |text: Option<String>| text.map(|text| clean_text(&text, limit::SUMMARY_BYTES));
    Ok(match step {
        executor::Step::Succeeded(done) => {
            Step::Succeeded { summary: summary(done.summary), result: done.result.as_deref().map(result).transpose()? }
        }
        executor::Step::Canceled(text) => Step::Canceled { summary: summary(text) },
        executor::Step::Sleep(millis) => Step::Sleep(Duration::from_millis(millis)),
        executor::Step::Wait => Step::Wait,
    })
}

fn result(text: &str) -> Result<Value, AttemptError> {
    let invalid = |problem| AttemptError::Invalid { what: "result".to_owned(), problem };
    if text.len() > limit::RESULT_BYTES {
        let (found, allowed) = (text.len(), limit::RESULT_BYTES);
        return Err(invalid(format!("{found} bytes, at most {allowed} are allowed; leave an artifact instead")));
    }
    parse_json(text).map_err(|error| invalid(error.to_string()))
}

pub(crate) fn failure(failure: types::Failure) -> Failure {
    Failure {
        error: TaskError { detail: None, kind: failure.kind, message: failure.message },
        retry: match failure.retry {
            types::Retry::Never => registry::Retry::Never,
            types::Retry::Backoff => registry::Retry::Backoff,
            types::Retry::After(millis) => registry::Retry::After(millis),
        },
    }
}

/// The wishes of a kind; what it does not mention is not limited here.
pub(crate) fn wishes(wished: &types::Budget) -> Budget {
    let or = |wish: Option<u64>| wish.unwrap_or(u64::MAX);
    Budget {
        memory_bytes: or(wished.memory_bytes),
        table_elements: or(wished.table_elements),
        instances: or(wished.instances),
        handles: or(wished.handles),
        call_bytes: or(wished.call_bytes),
        host_calls: or(wished.host_calls),
        host_calls_per_second: or(wished.host_calls_per_second),
        cpu_ms: or(wished.cpu_time),
        wall_ms: or(wished.wall_time),
        output_bytes: or(wished.output_bytes),
        artifact_bytes: or(wished.artifact_bytes),
        messages: or(wished.messages),
        checkpoint_bytes: or(wished.checkpoint_bytes),
        file_bytes: or(wished.file_bytes),
        http_requests: or(wished.http_requests),
        http_bytes: or(wished.http_bytes),
        children: or(wished.children),
        // The contract has no words for the others.
        ..Budget::UNLIMITED
    }
}

/// What a kind says of itself, except for its budget. `describe` has checked name, version, schema and pointer.
pub(crate) fn description(given: types::Description, spec_schema: Value) -> Description {
    let want = |want: types::Want| Want {
        capability: clean_line(&want.capability, limit::KIND_BYTES),
        name: clean_line(&want.name, limit::KIND_BYTES),
        reason: clean_line(&want.reason, 256),
        required: want.required,
    };
    Description {
        kind: given.kind,
        version: given.version,
        summary: clean_line(&given.summary, 256),
        spec_schema,
        reattach: reattach(&given.can_reattach),
        takes_messages: given.takes_messages,
        wants: given.wants.into_iter().take(64).map(want).collect(),
    }
}

pub(crate) fn reattach(given: &types::Reattach) -> Reattach {
    match given {
        types::Reattach::Never => Reattach::Never,
        types::Reattach::Always => Reattach::Always,
        types::Reattach::AsSpec(pointer) => Reattach::AsSpec(pointer.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_is_no_json_is_refused_with_its_place() {
        let refused = parts(vec![types::Part::Text("{".to_owned()), types::Part::Data("{".to_owned())]).unwrap_err();
        let Refusal::Invalid(text) = refused else { panic!("{refused:?}") };
        assert!(text.starts_with("parts[1]: not JSON: "), "{text}");
    }

    #[test]
    fn what_nests_too_deep_is_refused_with_how_deep() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let part = |levels| parts(vec![types::Part::Data(deep(levels))]);
        assert!(part(limit::JSON_DEPTH).is_ok());
        let Err(Refusal::Invalid(text)) = part(125) else { panic!() };
        assert_eq!(text, "parts[0]: nests 125 deep; at most 64 are allowed");
        let question = format!("{}{{}}{}", "{\"allOf\":[".repeat(63), "]}".repeat(63));
        let Err(Refusal::Invalid(text)) = expected(Some(&question)) else { panic!() };
        assert!(text.contains("nests 127 deep; at most 64 are allowed"), "{text}");
        assert!(matches!(result(&deep(65)), Err(AttemptError::Invalid { .. })));
    }

    #[test]
    fn a_result_that_is_no_json_is_an_error_and_a_long_summary_is_cut() {
        let done = |summary: String, result: &str| {
            executor::Step::Succeeded(types::Completion { summary: Some(summary), result: Some(result.to_owned()) })
        };
        assert!(matches!(step(done(String::new(), "{")), Err(AttemptError::Invalid { .. })));
        assert!(matches!(step(done(String::new(), &" ".repeat(2 << 20))), Err(AttemptError::Invalid { .. })));
        let Ok(Step::Succeeded { summary: Some(summary), result: Some(_) }) = step(done("x".repeat(9_999), "1")) else {
            panic!()
        };
        assert_eq!(summary.len(), limit::SUMMARY_BYTES);
    }
}
