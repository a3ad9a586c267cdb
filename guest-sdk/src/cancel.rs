//! The session's wish that the task ends, and how a kind hears it.
//! It does not stop anything: the kind does, and the host does at the deadline of the task's cancel policy.

use std::future::Future;
use std::rc::Rc;

use crate::instance::Instance;

/// The session's wish that the task ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// Milliseconds since 1970, by the host's clock.
    pub requested_at: u64,
    /// Why, if the session said so.
    pub reason: Option<String>,
}

/// What a suspended call returns when the session cancels the task meanwhile. With `?` it ends the task as `canceled`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the session has canceled the task{}", .0.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default())]
pub struct Canceled(pub Cancel);

/// Resolves once the session has asked for the task's end.
pub(crate) async fn cancelled(instance: Rc<Instance>) -> Cancel {
    instance.wait_for(Instance::cancel).await
}

/// Runs a future until the session asks for the task's end.
pub(crate) async fn unless_canceled<F: Future>(instance: &Instance, future: F) -> Result<F::Output, Canceled> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        // What is ready counts, even if the cancel came at the same time.
        if let std::task::Poll::Ready(output) = future.as_mut().poll(context) {
            return std::task::Poll::Ready(Ok(output));
        }
        instance.poll_for(context, |instance| instance.cancel().map(Canceled)).map(Err)
    })
    .await
}
