//! Many tasks that are asked to end at the same time.
//! Does not test which ones are asked: the conformance suite does.

use std::sync::Arc;

use serde_json::json;
use taskwright_runner::registry::{Description, Failure, State};
use taskwright_runner::sandbox::{AttemptHost, Step, TaskContext};
use taskwright_runner::store::{CancelCount, CancelScope};
use taskwright_runner::{Inbox, NativeExecutor, NativeKind, async_trait};
use tokio::sync::mpsc;

use crate::odd_kind::description;
use crate::{runner_without_engine, within};

/// Works until it is canceled. Where the specification says so, it never comes back from hearing of that.
struct Listener(mpsc::UnboundedSender<()>);

struct Listening {
    heard: mpsc::UnboundedSender<()>,
    inbox: Inbox,
}

impl NativeKind for Listener {
    fn description(&self) -> Description {
        description("listener")
    }

    fn executor(&self, _host: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        Box::new(Listening { heard: self.0.clone(), inbox: Inbox::default() })
    }
}

#[async_trait]
impl NativeExecutor for Listening {
    async fn start(&self, _task: TaskContext) -> Result<Step, Failure> {
        self.inbox.canceled().await;
        Ok(Step::Canceled { summary: None })
    }

    async fn cancel(&self, task: TaskContext) -> Result<(), Failure> {
        if task.task.spec == json!("hangs") {
            self.heard.send(()).unwrap();
            std::future::pending::<()>().await;
        }
        self.inbox.cancel();
        Ok(())
    }
}

// L49, L17: a cancel that hung kept all behind it alive.
#[tokio::test]
async fn a_task_that_hangs_when_it_is_canceled_holds_up_no_other() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner_without_engine(folder.path());
        let (out, mut hanging) = mpsc::unbounded_channel();
        runner.add_native_kind(Listener(out)).unwrap();
        runner.serve();
        let session = runner.session("here".parse().unwrap());
        let mut tasks = Vec::new();
        for what in ["hangs", "listens", "hangs", "listens", "listens"] {
            let task = session.task("listener", json!(what)).create().await.unwrap();
            let started = session.wait_until(&task.id, None, |task| task.state == State::Running).await.unwrap();
            tasks.push(started.task);
        }
        let count = session.cancel_many(CancelScope::All, None).await.unwrap();
        let first = tasks.iter().map(|task| task.id.clone()).collect();
        assert_eq!(count, CancelCount { signalled: 5, again: 0, first });
        hanging.recv().await.unwrap();
        hanging.recv().await.unwrap();
        let (hang, listen): (Vec<_>, Vec<_>) = tasks.iter().partition(|task| task.spec == json!("hangs"));
        for task in listen {
            assert_eq!(session.outcome(&task.id).await.unwrap().state, State::Canceled);
        }
        for task in hang {
            assert_eq!(session.get(&task.id).await.unwrap().state, State::Running, "its grace is not over");
            session.abort(&task.id, None).await.unwrap();
            assert_eq!(session.outcome(&task.id).await.unwrap().state, State::Canceled);
        }
        runner.drain().await;
    })
    .await;
}
