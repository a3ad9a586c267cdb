//! What the arguments say of a new task whoever does its work.
//! Does not say what it is, or who that is.

use std::sync::Arc;

use anyhow::Result;
use taskwright_registry::{CancelMode, CancelPolicy, Lineage, TraceParent};
use taskwright_runner::TaskRequest;
use taskwright_store::Store;

use super::Context;
use crate::cli::Terms;
use crate::duration::When;
use crate::exit_code::refused;
use crate::find_task::find_task;

/// Puts the terms into the request; how it is canceled where they do not say it is `unless_said`.
pub(crate) async fn on_terms<'a>(
    context: &Context,
    store: &Arc<dyn Store>,
    mut request: TaskRequest<'a>,
    terms: &Terms,
    unless_said: CancelMode,
) -> Result<TaskRequest<'a>> {
    if let Some(name) = &terms.name {
        request = request.name(name);
    }
    if let Some(text) = &terms.display_name {
        request = request.display_name(text);
    }
    if let Some(wake) = terms.wake {
        request = request.wake(wake.into());
    }
    if let Some(policy) = terms.close_policy {
        request = request.close_policy(policy.into());
    }
    if terms.hidden {
        request = request.hidden();
    }
    if let Some(traceparent) = traceparent(context, terms) {
        request = request.traceparent(traceparent.as_str())?;
    }
    request = match terms.deadline {
        Some(When::In(time)) => request.deadline_in(time),
        Some(When::At(at)) => request.deadline(at),
        None => request,
    };
    let parent = match &terms.parent {
        Some(text) => Some(find_task(store, &context.session, text).await?.id.to_string()),
        None => None,
    };
    let lineage = Lineage { task_id: parent, run_id: terms.run_id.clone(), ..Lineage::default() };
    Ok(request.parent(lineage).cancel_policy(cancel_policy(terms, unless_said)?))
}

/// How the task is canceled. A grace is one of the cooperative policy.
fn cancel_policy(terms: &Terms, unless_said: CancelMode) -> Result<CancelPolicy> {
    let mode = match (terms.cancel_policy, terms.grace) {
        (Some(how), _) => how.into(),
        (None, Some(_)) => CancelMode::Cooperative,
        (None, None) => unless_said,
    };
    let Some(grace) = terms.grace else { return Ok(CancelPolicy { mode, ..CancelPolicy::default() }) };
    if mode != CancelMode::Cooperative {
        return Err(refused("--grace goes with --cancel-policy cooperative alone; leave one of them out"));
    }
    Ok(CancelPolicy { mode, grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX) })
}

/// Where in a trace the task is created: as the arguments say, or the environment. Whoever set a wrong variable may not know of
/// this command, so that one is passed over.
fn traceparent(context: &Context, terms: &Terms) -> Option<TraceParent> {
    if let Some(given) = &terms.traceparent {
        return Some(given.clone());
    }
    let variable = std::env::var("TRACEPARENT").ok().filter(|text| !text.is_empty())?;
    variable.parse().inspect_err(|error| context.out.notice(&format!("TRACEPARENT is passed over: {error}"))).ok()
}
