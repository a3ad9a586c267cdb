//! A waker that asks the test what to do, and sessions that are woken without anything that runs.
//! Does not answer by itself: what it holds back, and for how long, is the test's to say.

use std::sync::Arc;

use serde_json::json;
use taskwright_runner::registry::{SessionId, Task, Wake, WakePolicy};
use taskwright_runner::store::Store;
use taskwright_runner::{Runner, RunnerParts, Session, SessionFiles, Waker, WakerError, async_trait};
use taskwright_system_tests::NativeWalkthrough;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// One call of the waker, which waits for an answer.
pub(crate) struct Rung {
    pub(crate) session: SessionId,
    pub(crate) wakes: Vec<Wake>,
    pub(crate) at: Instant,
    answer: oneshot::Sender<Result<(), WakerError>>,
}

impl Rung {
    pub(crate) fn take(self) -> Vec<Wake> {
        // Nobody waits any more if the call took too long.
        let _ = self.answer.send(Ok(()));
        self.wakes
    }

    pub(crate) fn refuse(self) {
        let _ = self.answer.send(Err(WakerError::new("the test says so")));
    }

    /// The call panics.
    pub(crate) fn blow_up(self) {
        drop(self.answer);
    }

    /// Whether the caller has stopped to wait.
    pub(crate) async fn given_up(mut self) {
        self.answer.closed().await;
    }
}

/// The waker's side. Clones ring for the same test.
#[derive(Clone)]
pub(crate) struct Bell(mpsc::UnboundedSender<Rung>);

/// A bell and its calls.
pub(crate) fn bell() -> (Bell, mpsc::UnboundedReceiver<Rung>) {
    let (calls, rung) = mpsc::unbounded_channel();
    (Bell(calls), rung)
}

#[async_trait]
impl Waker for Bell {
    async fn wake(&self, session: &SessionId, wakes: Vec<Wake>) -> Result<(), WakerError> {
        let (answer, answered) = oneshot::channel();
        let rung = Rung { session: session.clone(), wakes, at: Instant::now(), answer };
        self.0.send(rung).map_err(|_| WakerError::new("the test is over"))?;
        answered.await.expect("the test answers")
    }
}

/// A runner that does not serve.
pub(crate) fn runner(store: Arc<dyn Store>) -> Runner {
    let runner = RunnerParts::new(store, SessionFiles::in_memory()).runner();
    runner.add_native_kind(NativeWalkthrough).expect("the walkthrough");
    runner
}

pub(crate) fn session(runner: &Runner, id: &str) -> Session {
    runner.session(id.parse().expect("a session id"))
}

/// Has a session woken: by the end of a task that nobody has started.
pub(crate) async fn rouse(session: &Session) -> Task {
    let request = session.task("walkthrough", json!({"steps": []})).wake(WakePolicy::OnTerminal);
    let task = request.create().await.expect("a task");
    session.cancel(&task.id, None).await.expect("a cancel").0
}

/// Whose wakes they are.
pub(crate) fn tasks(wakes: &[Wake]) -> Vec<String> {
    wakes.iter().map(|wake| wake.task_id.to_string()).collect()
}

pub(crate) fn ids(tasks: &[Task]) -> Vec<String> {
    tasks.iter().map(|task| task.id.to_string()).collect()
}
