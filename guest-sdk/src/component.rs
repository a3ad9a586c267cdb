//! A kind as a component: its exports, and how values come across the border.
//! It does not hold the logic behind the exports: `dispatch` does, for the mock host as well.

mod convert;
pub(crate) use convert::budget;
mod panic_report;

use std::marker::PhantomData;
use std::rc::Rc;

use crate::bindings::exports::taskwright::task::executor as wit;
use crate::dispatch;
use crate::instance::Instance;
use crate::kind::Kind;

thread_local! {
    /// A component has one thread, and an instance belongs to one attempt: so this is the attempt's.
    static INSTANCE: Rc<Instance> = Instance::new();
}

fn instance() -> Rc<Instance> {
    INSTANCE.with(Rc::clone)
}

/// The exports of a kind, for the `export!` macro.
#[doc(hidden)]
#[derive(Debug)]
pub struct Exported<K>(PhantomData<K>);

impl<K: Kind> wit::Guest for Exported<K> {
    fn describe() -> wit::Description {
        panic_report::install();
        convert::description(K::describe(), dispatch::spec_schema::<K>())
    }

    async fn start(task: wit::Task) -> Result<wit::Step, wit::Failure> {
        panic_report::install();
        convert::outcome(dispatch::start::<K>(instance(), task.into()).await)
    }

    async fn deliver(task: wit::Task, message: wit::Message) -> Result<(), wit::Failure> {
        panic_report::install();
        Ok(dispatch::deliver::<K>(instance(), task.into(), message.into()).await?)
    }

    async fn cancel(task: wit::Task) -> Result<(), wit::Failure> {
        panic_report::install();
        Ok(dispatch::cancel::<K>(instance(), task.into()).await?)
    }

    async fn reconcile(task: wit::Task) -> Result<wit::Step, wit::Failure> {
        panic_report::install();
        convert::outcome(dispatch::reconcile::<K>(instance(), task.into()).await)
    }
}
