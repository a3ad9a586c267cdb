//! From a call of the host to a kind and back: specifications and results between JSON and their types.
//! It does not know where the call comes from: a component's export or the mock host.

use std::rc::Rc;

use crate::cancel::Cancel;
use crate::failure::Failure;
use crate::instance::{Instance, Sorted};
use crate::kind::Kind;
use crate::message::Message;
use crate::step::{Completion, Outcome, Step};
use crate::task::{Task, TaskInfo};

/// A task as it comes from the host.
#[derive(Debug, Clone)]
pub(crate) struct RawTask {
    pub(crate) info: TaskInfo,
    /// JSON.
    pub(crate) spec: String,
}

/// The JSON Schema of a kind's specification.
pub(crate) fn spec_schema<K: Kind>() -> String {
    schemars::schema_for!(K::Spec).to_value().to_string()
}

/// Calls `start`.
pub(crate) async fn start<K: Kind>(instance: Rc<Instance>, raw: RawTask) -> Outcome<String> {
    instance.adopt(raw.info.pending_input.as_ref(), raw.info.cancel.as_ref());
    finish(K::start(typed::<K>(instance, raw)?).await)
}

/// Calls `reconcile`.
pub(crate) async fn reconcile<K: Kind>(instance: Rc<Instance>, raw: RawTask) -> Outcome<String> {
    instance.adopt(raw.info.pending_input.as_ref(), raw.info.cancel.as_ref());
    finish(K::reconcile(typed::<K>(instance, raw)?).await)
}

/// Gives an answer to who asked, and anything else to the kind. Returns when somebody has taken it.
pub(crate) async fn deliver<K: Kind>(instance: Rc<Instance>, raw: RawTask, message: Message) -> Result<(), Failure> {
    match instance.sort(message) {
        Sorted::Answer(receipt) => {
            instance.taken(receipt).await;
            Ok(())
        }
        Sorted::Message(message) => K::deliver(typed::<K>(instance, raw)?, message).await,
    }
}

/// Lets everybody who waits hear of the cancel, and then calls `cancel`.
pub(crate) async fn cancel<K: Kind>(instance: Rc<Instance>, raw: RawTask) -> Result<(), Failure> {
    let wish = raw.info.cancel.clone().or_else(crate::host::cancel_requested);
    instance.request_cancel(wish.unwrap_or_else(|| Cancel { requested_at: crate::host::now(), reason: None }));
    K::cancel(typed::<K>(instance, raw)?).await
}

fn typed<K: Kind>(instance: Rc<Instance>, raw: RawTask) -> Result<Task<K::Spec>, Failure> {
    let spec = serde_json::from_str(&raw.spec)
        .map_err(|error| Failure::new("bad_spec", format!("the specification does not fit this kind: {error}")))?;
    Ok(Task { spec, info: raw.info, instance })
}

fn finish<R: serde::Serialize>(outcome: Outcome<R>) -> Outcome<String> {
    match outcome {
        Err(failure) if failure.is_canceled() => Ok(Step::Canceled(None)),
        Err(failure) => Err(failure),
        Ok(Step::Canceled(summary)) => Ok(Step::Canceled(summary)),
        Ok(Step::Sleep(duration)) => Ok(Step::Sleep(duration)),
        Ok(Step::Wait) => Ok(Step::Wait),
        Ok(Step::Succeeded(Completion { summary, result })) => {
            let result = result.map(|result| serde_json::to_string(&result)).transpose().map_err(|error| {
                Failure::new("bad_result", format!("the result cannot be written as JSON: {error}"))
            })?;
            Ok(Step::Succeeded(Completion { summary, result }))
        }
    }
}
