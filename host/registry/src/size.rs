//! Refuses what is larger than `limit` allows (L31).
//! Does not cut anything: a text that is too long is its writer's mistake, and is told to it.

use crate::{Progress, Rejection, TaskUpdate, limit};

pub(crate) fn check_len(field: &'static str, actual: usize, allowed: usize) -> Result<(), Rejection> {
    if actual > allowed { Err(Rejection::TooLarge { field, allowed, actual }) } else { Ok(()) }
}

/// Refuses progress with a text that is too long, for whoever keeps progress back before it stores it.
///
/// # Errors
/// `TooLarge`.
pub fn check_progress(progress: &Progress) -> Result<(), Rejection> {
    let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    check_len("progress.unit", len(&progress.unit), limit::PROGRESS_UNIT_BYTES)?;
    check_len("progress.label", len(&progress.label), limit::PROGRESS_LABEL_BYTES)
}

/// Refuses an update with a part that is too large.
pub(crate) fn check_sizes(update: &TaskUpdate) -> Result<(), Rejection> {
    let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    if let Some(Some(detail)) = &update.state_detail {
        check_len("state_detail", detail.len(), limit::STATE_DETAIL_BYTES)?;
    }
    if let Some(progress) = &update.progress {
        check_progress(progress)?;
    }
    if let Some(request) = &update.input_request {
        check_len("input_request.prompt", request.prompt.len(), limit::PROMPT_BYTES)?;
        if let Some(expected) = &request.expected {
            check_len("input_request.expected", expected.as_value().to_string().len(), limit::EXPECTED_BYTES)?;
        }
    }
    check_len("summary", len(&update.summary), limit::SUMMARY_BYTES)?;
    if let Some(error) = &update.error {
        check_len("error.kind", error.kind.len(), limit::ERROR_KIND_BYTES)?;
        check_len("error.message", error.message.len(), limit::ERROR_MESSAGE_BYTES)?;
    }
    if let Some(result) = &update.result {
        check_len("result", result.to_string().len(), limit::RESULT_BYTES)?;
    }
    check_len("checkpoint", update.checkpoint.as_ref().map_or(0, Vec::len), limit::CHECKPOINT_BYTES)?;
    for artifact in &update.artifacts {
        check_len("artifact.name", artifact.name.len(), limit::ARTIFACT_NAME_BYTES)?;
        check_len("artifact.type", artifact.media_type.len(), limit::ARTIFACT_TYPE_BYTES)?;
        check_len("artifact.url", len(&artifact.url), limit::ARTIFACT_URL_BYTES)?;
    }
    check_len("links.child_session_id", len(&update.links.child_session_id), limit::LINK_BYTES)?;
    check_len("links.remote_task_id", len(&update.links.remote_task_id), limit::LINK_BYTES)?;
    for id in &update.links.resource_ids {
        check_len("links.resource_ids", id.len(), limit::LINK_BYTES)?;
    }
    Ok(())
}
