//! What a component exports as a kind, bound: before there is an instance, and in one.
//! Does not say when anything is called.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Accessor, Component, ComponentExportIndex, InstancePre, TypedFunc};

use crate::attempt::Attempt;
use crate::bindings::taskwright::task::types::{Description, Failure, Message, Step, Task};
use crate::bindings::{Kind, KindPre};
use crate::world::{CONTRACT_VERSION, EXECUTOR};

/// The arguments of calls beside the work are shared with the engine: it gives its share up when the guest gets them, and that
/// is how it is known which calls a guest has begun. The generated functions keep theirs to themselves.
type Deliver = TypedFunc<(Arc<Task>, Message), (Result<(), Failure>,)>;
type Cancel = TypedFunc<(Arc<Task>,), (Result<(), Failure>,)>;

/// A component whose imports are linked and whose exports are of the right types.
#[derive(Clone)]
pub(crate) struct ExecutorPre {
    pre: KindPre<Attempt>,
    deliver: ComponentExportIndex,
    cancel: ComponentExportIndex,
}

impl ExecutorPre {
    /// Checks the exports.
    pub(crate) fn new(component: &Component, linked: InstancePre<Attempt>) -> wasmtime::Result<Self> {
        let pre = KindPre::new(linked)?;
        let missing = |name: &str| wasmtime::Error::msg(format!("`{name}` is not exported"));
        // Finds that of any patch of the line.
        let executor = format!("{EXECUTOR}@{CONTRACT_VERSION}");
        let executor = component.get_export_index(None, &executor).ok_or_else(|| missing(&executor))?;
        let export = |name| component.get_export_index(Some(&executor), name).ok_or_else(|| missing(name));
        Ok(Self { deliver: export("deliver")?, cancel: export("cancel")?, pre })
    }

    pub(crate) async fn instantiate(&self, store: &mut Store<Attempt>) -> wasmtime::Result<Executor> {
        let instance = self.pre.instance_pre().instantiate_async(&mut *store).await?;
        Ok(Executor {
            kind: Kind::new(&mut *store, &instance)?,
            deliver: instance.get_typed_func(&mut *store, self.deliver)?,
            cancel: instance.get_typed_func(&mut *store, self.cancel)?,
        })
    }
}

/// The executor of one instance. An error of a call is a trap.
pub(crate) struct Executor {
    kind: Kind,
    deliver: Deliver,
    cancel: Cancel,
}

impl Executor {
    pub(crate) async fn describe(&self, store: &mut Store<Attempt>) -> wasmtime::Result<Description> {
        self.kind.taskwright_task_executor().call_describe(store).await
    }

    pub(crate) async fn start(&self, on: &Accessor<Attempt>, task: Task) -> wasmtime::Result<Result<Step, Failure>> {
        self.kind.taskwright_task_executor().call_start(on, task).await
    }

    pub(crate) async fn reconcile(
        &self,
        on: &Accessor<Attempt>,
        task: Task,
    ) -> wasmtime::Result<Result<Step, Failure>> {
        self.kind.taskwright_task_executor().call_reconcile(on, task).await
    }

    pub(crate) async fn deliver(
        &self,
        on: &Accessor<Attempt>,
        task: Arc<Task>,
        message: Message,
    ) -> wasmtime::Result<Result<(), Failure>> {
        Ok(self.deliver.call_concurrent(on, (task, message)).await?.0)
    }

    pub(crate) async fn cancel(
        &self,
        on: &Accessor<Attempt>,
        task: Arc<Task>,
    ) -> wasmtime::Result<Result<(), Failure>> {
        Ok(self.cancel.call_concurrent(on, (task,)).await?.0)
    }
}
