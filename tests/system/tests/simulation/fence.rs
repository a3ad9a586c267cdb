//! What an instance still tries when it has no say any more.
//! Does not test that its successor goes on: `loss` does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
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

/// Counts refused writes by their sort. (A recorder from a crate would have all of wasmtime built twice: it switches a feature
/// of a crate on that both use.)
#[derive(Default)]
struct Refused(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Recorder for Refused {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() != "taskwright_writes_refused_total" {
            return Counter::noop();
        }
        let write = key.labels().find(|label| label.key() == "write").expect("its sort").value().to_owned();
        Counter::from_arc(self.0.lock().unwrap().entry(write).or_default().clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

// L5, L36
#[test]
fn every_sort_of_write_of_a_superseded_attempt_is_refused_and_counted() {
    let counted = Refused::default();
    let tried = Tried::default();
    metrics::with_local_recorder(&counted, || {
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
            assert_eq!(stage.session.output(&task.id).await.unwrap().read().await.unwrap(), "");
        });
    });
    let tried = tried.lock().unwrap();
    assert_eq!(tried.len(), 9);
    for (write, outcome) in tried.iter() {
        assert!(matches!(outcome, Err(Refusal::Superseded)), "{write}: {outcome:?}");
    }
    let counted: Vec<(String, u64)> =
        counted.0.lock().unwrap().iter().map(|(write, count)| (write.clone(), count.load(Ordering::SeqCst))).collect();
    for write in ["state", "output", "message", "question", "artifact", "link", "checkpoint", "progress"] {
        assert!(counted.iter().any(|(counted, count)| counted == write && *count > 0), "{write} in {counted:?}");
    }
}
