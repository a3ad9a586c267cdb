//! A native kind whose `start` is a closure of the test, with the host in its hand.
//! Does not hold any case itself.

use std::sync::Arc;

use serde_json::json;
use taskwright_runner::registry::{Description, Failure, Reattach};
use taskwright_runner::sandbox::{AttemptHost, Step, TaskContext};
use taskwright_runner::{NativeExecutor, NativeKind, async_trait};

type Host = Arc<dyn AttemptHost>;
type Made<W> = Arc<dyn Fn(Host, TaskContext) -> W + Send + Sync>;

/// What a kind of this name says of itself.
pub(crate) fn description(name: &str) -> Description {
    Description {
        kind: name.to_owned(),
        version: "1.0.0".to_owned(),
        summary: "A kind of a test.".to_owned(),
        spec_schema: json!({}),
        reattach: Reattach::Always,
        takes_messages: true,
        wants: Vec::new(),
    }
}

/// The kind `odd`.
pub(crate) struct Odd<W>(Made<W>);

impl<W> Odd<W> {
    pub(crate) fn new(start: impl Fn(Host, TaskContext) -> W + Send + Sync + 'static) -> Self {
        Self(Arc::new(start))
    }
}

struct OddExecutor<W>(Host, Made<W>);

impl<W: Future<Output = Result<Step, Failure>> + Send + 'static> NativeKind for Odd<W> {
    fn description(&self) -> Description {
        description("odd")
    }

    fn executor(&self, host: Host) -> Box<dyn NativeExecutor> {
        Box::new(OddExecutor(host, self.0.clone()))
    }
}

#[async_trait]
impl<W: Future<Output = Result<Step, Failure>> + Send + 'static> NativeExecutor for OddExecutor<W> {
    async fn start(&self, task: TaskContext) -> Result<Step, Failure> {
        (self.1)(self.0.clone(), task).await
    }
}
