//! What a guest of the tests has to say; everything else has a default.
//! Does not use the SDK: hostile guests need what the SDK would not let them do.

use crate::contract::exports::taskwright::task::executor;
pub use crate::contract::taskwright::task::types::{
    Budget, Completion, Description, Failure, Message, Part, Reattach, Refusal, Retry, Step, Task, Want,
};
pub use crate::contract::taskwright::task::{clock, control, http, sink, spawner};

/// A guest.
#[expect(async_fn_in_trait, reason = "a component has one thread")]
pub trait Behaviour {
    /// What it says of itself.
    fn describe() -> Description {
        plain()
    }
    /// `executor.start`
    async fn start(task: Task) -> Result<Step, Failure>;
    /// `executor.deliver`
    async fn deliver(_task: Task, _message: Message) -> Result<(), Failure> {
        Err(failure("unsupported", "this guest takes no messages"))
    }
    /// `executor.cancel`
    async fn cancel(_task: Task) -> Result<(), Failure> {
        Ok(())
    }
    /// `executor.reconcile`
    async fn reconcile(_task: Task) -> Result<Step, Failure> {
        Ok(Step::Wait)
    }
}

/// A description that is accepted.
pub fn plain() -> Description {
    Description {
        kind: "test-guest".to_owned(),
        version: "1.0.0".to_owned(),
        summary: "A guest for the tests.".to_owned(),
        spec_schema: "{}".to_owned(),
        can_reattach: Reattach::Never,
        takes_messages: true,
        wants: Vec::new(),
        budget: no_wishes(),
    }
}

/// The same, of a kind that needs one thing.
pub fn wanting(capability: &str, name: &str) -> Description {
    let (capability, name, reason) = (capability.to_owned(), name.to_owned(), "to try what it may".to_owned());
    Description { wants: vec![Want { capability, name, reason, required: true }], ..plain() }
}

/// A budget that wishes for nothing.
pub fn no_wishes() -> Budget {
    Budget {
        memory_bytes: None,
        table_elements: None,
        instances: None,
        handles: None,
        call_bytes: None,
        host_calls: None,
        host_calls_per_second: None,
        cpu_time: None,
        wall_time: None,
        output_bytes: None,
        artifact_bytes: None,
        messages: None,
        checkpoint_bytes: None,
        file_bytes: None,
        http_requests: None,
        http_bytes: None,
        children: None,
    }
}

/// Success with a summary.
pub fn succeeded(summary: &str) -> Result<Step, Failure> {
    Ok(Step::Succeeded(Completion { summary: Some(summary.to_owned()), result: None }))
}

/// A failure that is not to be tried again.
pub fn failure(kind: &str, message: &str) -> Failure {
    Failure { kind: kind.to_owned(), message: message.to_owned(), retry: Retry::Never }
}

/// A refusal as a failure.
pub fn refused(refusal: Refusal) -> Failure {
    failure("refused", &format!("{refusal:?}"))
}

/// Makes a type that implements `Behaviour` the component's executor.
#[macro_export]
macro_rules! guest {
    ($guest:ident) => {
        impl $crate::contract::exports::taskwright::task::executor::Guest for $guest {
            fn describe() -> $crate::behaviour::Description {
                <$guest as $crate::behaviour::Behaviour>::describe()
            }
            async fn start(
                task: $crate::behaviour::Task,
            ) -> Result<$crate::behaviour::Step, $crate::behaviour::Failure> {
                <$guest as $crate::behaviour::Behaviour>::start(task).await
            }
            async fn deliver(
                task: $crate::behaviour::Task,
                message: $crate::behaviour::Message,
            ) -> Result<(), $crate::behaviour::Failure> {
                <$guest as $crate::behaviour::Behaviour>::deliver(task, message).await
            }
            async fn cancel(task: $crate::behaviour::Task) -> Result<(), $crate::behaviour::Failure> {
                <$guest as $crate::behaviour::Behaviour>::cancel(task).await
            }
            async fn reconcile(
                task: $crate::behaviour::Task,
            ) -> Result<$crate::behaviour::Step, $crate::behaviour::Failure> {
                <$guest as $crate::behaviour::Behaviour>::reconcile(task).await
            }
        }
        $crate::contract::export!($guest with_types_in $crate::contract);
    };
}

/// Checks at compile time that the contract's types are the same on both sides of an export.
const _: fn(Task) -> executor::Task = |task| task;
