//! In which spans a task's instances run, and what those say.
//! Does not send them anywhere: an embedder's subscriber does.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use serde_json::json;
use taskwright_runner::registry::{Description, Failure, Retry, State, TaskError};
use taskwright_runner::sandbox::{AttemptHost, NewChild, Step, TaskContext};
use taskwright_runner::{NativeExecutor, NativeKind, async_trait};
use taskwright_system_tests::{NativeWalkthrough, store_on_virtual_time};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::bell::{runner, session};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

type Fields = BTreeMap<String, String>;

/// A span, or an event, with the names of the spans around it, the innermost first.
#[derive(Debug, Clone)]
struct Seen {
    name: String,
    fields: Fields,
    within: Vec<String>,
}

struct Read<'a>(&'a mut Fields);

impl Visit for Read<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<Seen>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recording {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Read(&mut fields));
        let span = context.span(id).expect("the new span");
        let within = span.scope().skip(1).map(|span| span.name().to_owned()).collect();
        self.0.lock().unwrap().push(Seen { name: span.name().to_owned(), fields, within });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Read(&mut fields));
        let within = context.event_scope(event).into_iter().flatten().map(|span| span.name().to_owned()).collect();
        let name = fields.get("message").cloned().unwrap_or_default();
        self.0.lock().unwrap().push(Seen { name, fields, within });
    }
}

impl Recording {
    fn of(&self, name: &str) -> Vec<Seen> {
        self.0.lock().unwrap().iter().filter(|seen| seen.name == name).cloned().collect()
    }
}

/// A kind that fails once, and begins a walk in its second attempt.
struct Parent;

struct Attempt(Arc<dyn AttemptHost>);

impl NativeKind for Parent {
    fn description(&self) -> Description {
        Description { kind: "parent".to_owned(), ..NativeWalkthrough.description() }
    }

    fn executor(&self, host: Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        Box::new(Attempt(host))
    }
}

#[async_trait]
impl NativeExecutor for Attempt {
    async fn start(&self, task: TaskContext) -> Result<Step, Failure> {
        tracing::info!("the kind's own word");
        if task.task.attempt == 1 {
            let error = TaskError { kind: "flaky".to_owned(), detail: None, message: "once more".to_owned() };
            return Err(Failure { error, retry: Retry::After(10) });
        }
        let child = NewChild::new("first", "walkthrough", json!({"steps": []}));
        let child = self.0.spawn(child, None).await?.id;
        self.0.wait_children(vec![child], None).await?;
        Ok(Step::Succeeded { summary: None, result: None })
    }
}

#[test]
fn each_instance_runs_in_a_span_of_its_attempt_within_one_of_its_task() {
    let recording = Recording::default();
    let subscriber = tracing_subscriber::registry().with(recording.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (parent, child) = tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let runner = runner(Arc::new(store_on_virtual_time()));
            runner.add_native_kind(Parent).unwrap();
            runner.serve();
            let here = session(&runner, "here");
            let request = here.task("parent", json!({})).max_attempts(2).traceparent(TRACE).unwrap();
            let parent = request.create().await.unwrap();
            let parent = here.outcome(&parent.id).await.unwrap();
            assert_eq!((parent.state, parent.attempt), (State::Succeeded, 2), "{:?}", parent.error);
            let all = here.list(&Default::default()).await.unwrap().tasks;
            let child = all.into_iter().find(|task| task.depth == 1).unwrap();
            runner.drain().await;
            (parent, child)
        })
    });
    assert_eq!(child.traceparent.as_ref().map(|trace| trace.as_str()), Some(TRACE), "a child inherits it");
    let of_tasks = recording.of("task");
    let task_fields: Vec<_> = of_tasks.iter().map(|span| &span.fields).collect();
    assert_eq!(of_tasks.len(), 3, "{of_tasks:?}");
    for (fields, task) in task_fields.iter().zip([&parent, &parent, &child]) {
        let said = ["session", "task", "kind", "traceparent"].map(|name| fields[name].as_str());
        assert_eq!(said, ["here", task.id.as_str(), task.kind.as_str(), TRACE]);
    }
    assert_eq!(task_fields[2]["parent_task"], parent.id.as_str());
    let attempts = recording.of("attempt");
    let numbers: Vec<_> =
        attempts.iter().map(|span| (span.fields["attempt"].as_str(), span.fields["claim"].as_str())).collect();
    assert_eq!(numbers, [("1", "1"), ("2", "2"), ("1", "1")]);
    for attempt in &attempts {
        assert_eq!(attempt.within, ["task"], "{attempt:?}");
        assert!(attempt.fields["host"].starts_with("host_"), "{attempt:?}");
    }
    let words = recording.of("the kind's own word");
    assert_eq!(words.len(), 2);
    for word in words {
        assert_eq!(word.within, ["attempt", "task"], "what code of this process says belongs to its attempt");
    }
}

#[tokio::test]
async fn a_traceparent_that_is_none_is_refused_and_one_that_differs_makes_no_other_task() {
    let runner = runner(Arc::new(store_on_virtual_time()));
    let here = session(&runner, "here");
    let request = || here.task("walkthrough", json!({"steps": []})).idempotency_key("once");
    let error = request().traceparent("00-not-one").err().expect("it is refused");
    assert!(error.to_string().contains("expected 00-"), "{error}");
    let first = request().traceparent(TRACE).unwrap().create().await.unwrap();
    let other = TRACE.replace("00f067aa0ba902b7", "00f067aa0ba902b8");
    let again = request().traceparent(&other).unwrap().create_or_find().await.unwrap();
    assert!(!again.fresh);
    assert_eq!((&again.task.id, again.task.traceparent.unwrap().as_str()), (&first.id, TRACE), "the first stands");
}
