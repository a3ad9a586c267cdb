//! What the author of a task kind writes.
//! It does not say how a kind becomes a component: the `export!` macro does.

use std::future::{Future, ready};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::description::Description;
use crate::failure::Failure;
use crate::message::Message;
use crate::step::{Outcome, Step};
use crate::task::Task;

/// A kind of task.
///
/// Every instance belongs to one attempt of one task; the functions share it, and `deliver` and `cancel` may run while
/// `start` or `reconcile` is suspended in an `await`.
pub trait Kind: 'static {
    /// What a task of this kind is given. Its JSON Schema is what the host checks specifications against.
    type Spec: DeserializeOwned + JsonSchema;

    /// What a task of this kind results in.
    type Output: Serialize;

    /// What this kind is. It must not depend on anything but the component.
    fn describe() -> Description;

    /// Do the work.
    fn start(task: Task<Self::Spec>) -> impl Future<Output = Outcome<Self::Output>>;

    /// Look at the world again after `sleep` and `wait`, and say what is next.
    fn reconcile(task: Task<Self::Spec>) -> impl Future<Output = Outcome<Self::Output>> {
        ready(match task.cancel_requested() {
            Some(_) => Ok(Step::Canceled(None)),
            None => Err(Failure::unsupported(
                "this kind does not hibernate: a kind that returns `Step::Sleep` or `Step::Wait` must have `reconcile`",
            )),
        })
    }

    /// Take a message that answers no open question. Unless it is overridden, the message goes to
    /// [`Task::messages`] if the kind [takes messages](Description::takes_messages), and is refused otherwise.
    ///
    /// A message counts as delivered when this returns: unless it is overridden, when the kind's code has taken the message.
    /// One that is not taken before the instance goes away is given to the next one.
    fn deliver(task: Task<Self::Spec>, message: Message) -> impl Future<Output = Result<(), Failure>> {
        async move {
            if Self::describe().takes_messages {
                let receipt = task.instance.queue(message);
                task.instance.taken(receipt).await;
                Ok(())
            } else {
                Err(Failure::unsupported("this kind takes no messages, only answers to its questions"))
            }
        }
    }

    /// The session wants the task to end. [`Task::cancelled`] has resolved already when this is called; override it to
    /// tidy up beside `start`.
    fn cancel(task: Task<Self::Spec>) -> impl Future<Output = Result<(), Failure>> {
        let _ = task;
        ready(Ok(()))
    }
}
