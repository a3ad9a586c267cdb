//! What an instance still tries when it has no say any more.
//! Does not test that its successor goes on: `loss` does.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::json;
use taskwright_runner::registry::{Description, Failure, Links, Part, Progress, State, Supersede, TaskUpdate};
use taskwright_runner::sandbox::{ArtifactContent, AttemptHost, NewArtifact, OutputStream, Refusal, Step, TaskContext};
use taskwright_runner::store::Store;
use taskwright_runner::{NativeExecutor, NativeKind, async_trait};
use taskwright_system_tests::NativeWalkthrough;

use crate::stage::{Stage, act};

type Tried = Arc<Mutex<Vec<(&'static str, Result<(), Refusal>)>>>;

/// A kind whose first attempt is superseded while it runs, and then tries everything.
struct Stubborn {
    store: Arc<dyn Store>,
    tried: Tried,
}

struct Attempt {
    host: Arc<dyn AttemptHost>,
    store: Arc<dyn Store>,
    tried: Tried,
}

impl NativeKind for Stubborn {
    fn description(&self) -> Description {
        Description { kind: "stubborn".to_owned(), ..NativeWalkthrough.description() }
    }

    fn executor(&self, host: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        Box::new(Attempt { host, store: self.store.clone(), tried: self.tried.clone() })
    }
}

#[async_trait]
impl NativeExecutor for Attempt {
    async fn start(&self, task: TaskContext) -> Result<Step, Failure> {
        if task.task.attempt == 2 {
            return Ok(Step::Succeeded { summary: None, result: Some(json!("the second")) });
        }
        let lost = TaskUpdate { supersede: Some(Supersede::Reattach), ..TaskUpdate::default() };
        self.store.update(&task.task.session_id, &task.task.id, lost).await.expect("it is superseded");
        let host = &self.host;
        // All at once: after the first refusal the instance is dropped as soon as it gives anybody else a turn.
        let artifact = NewArtifact {
            name: "a.txt".to_owned(),
            media_type: "text/plain".to_owned(),
            content: ArtifactContent::Url("https://example.com".to_owned()),
        };
        let tries = [
            ("state", host.state(Some("mine".to_owned()))),
            ("output", host.output(OutputStream::Output, "mine\n".to_owned())),
            ("message", host.post(vec![Part::Text("mine".to_owned())], None).map(|sent| sent.map(drop)).boxed()),
            ("question", host.request_input("Mine?".to_owned(), None).map(|asked| asked.map(drop)).boxed()),
            ("artifact", host.artifact(artifact)),
            ("artifact", host.draft("b.txt".to_owned(), vec![1])),
            ("link", host.link(Links { resource_ids: vec!["mine".to_owned()], ..Links::default() })),
            ("checkpoint", host.checkpoint(b"mine".to_vec())),
            ("progress", host.progress(Progress { current: 1, ..Progress::default() })),
        ];
        let tries = tries.map(|(write, tried)| tried.map(move |outcome| (write, outcome)));
        let tried = futures::future::join_all(tries).await;
        self.tried.lock().unwrap().extend(tried);
        Ok(Step::Succeeded { summary: None, result: Some(json!("the first")) })
    }
}

// L5, L36
#[test]
fn every_sort_of_write_of_a_superseded_attempt_is_refused_and_counted() {
    let recorder = DebuggingRecorder::new();
    let counters = recorder.snapshotter();
    let tried = Tried::default();
    metrics::with_local_recorder(&recorder, || {
        act(async {
            let stage = Stage::new();
            let kind = || Stubborn { store: stage.store.clone(), tried: tried.clone() };
            let host = stage.host(stage.store.clone(), kind());
            let task = host.session(stage.session.id().clone()).task("stubborn", json!({})).create().await.unwrap();
            host.serve();
            let over = stage.session.outcome(&task.id).await.unwrap();
            host.drain().await;
            assert_eq!((over.state, over.attempt), (State::Succeeded, 2));
            assert_eq!(stage.session.result(&task.id).await.unwrap(), Some(json!("the second")));
            let record = (over.state_detail, over.artifacts, over.links.resource_ids, over.checkpoint, over.progress);
            assert_eq!(record, (None, vec![], vec![], None, None));
            assert_eq!(stage.session.messages(&task.id, &Default::default()).await.unwrap(), []);
            assert_eq!(stage.session.output(&task.id).await.unwrap().read().unwrap(), "");
        });
    });
    let tried = tried.lock().unwrap();
    assert_eq!(tried.len(), 9);
    for (write, outcome) in tried.iter() {
        assert!(matches!(outcome, Err(Refusal::Superseded)), "{write}: {outcome:?}");
    }
    let counted: Vec<(String, u64)> = counters
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "taskwright_writes_refused_total")
        .filter_map(|(key, _, _, value)| match value {
            DebugValue::Counter(count) => Some((key.key().labels().next()?.value().to_owned(), count)),
            _ => None,
        })
        .collect();
    for write in ["state", "output", "message", "question", "artifact", "link", "checkpoint", "progress"] {
        assert!(counted.iter().any(|(counted, count)| counted == write && *count > 0), "{write} in {counted:?}");
    }
}
