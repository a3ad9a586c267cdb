//! What the runner and the host refuse: the rules that components keep hold for native code too.

use serde_json::json;
use taskwright_runner::registry::{Description, Part, State};
use taskwright_runner::sandbox::{ArtifactContent, AttemptHost, LoadError, NewArtifact, Refusal, Step};
use taskwright_runner::{NativeExecutor, NativeKind, RunnerError};
use taskwright_system_tests::NativeWalkthrough;

use crate::odd_kind::{Odd, description};
use crate::{runner_without_engine, within};

struct Named(Description);

impl NativeKind for Named {
    fn description(&self) -> Description {
        self.0.clone()
    }

    fn executor(&self, _host: std::sync::Arc<dyn AttemptHost>) -> Box<dyn NativeExecutor> {
        unreachable!("it is never added")
    }
}

#[tokio::test]
async fn a_description_that_no_component_could_have_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let runner = runner_without_engine(folder.path());
    let bad = [
        description("Has Spaces"),
        Description { version: "one".to_owned(), ..description("fine") },
        Description { spec_schema: json!({"type": "no such type"}), ..description("fine") },
    ];
    for bad in bad {
        let refused = runner.add_native_kind(Named(bad)).unwrap_err();
        let expected = matches!(refused, RunnerError::Load(LoadError::BadDescription { .. } | LoadError::BadSchema(_)));
        assert!(expected, "{refused}");
    }
    assert!(runner.kinds().is_empty());
}

#[tokio::test]
async fn a_second_kind_of_the_same_name_is_refused_and_the_first_stays() {
    let folder = tempfile::tempdir().unwrap();
    let runner = runner_without_engine(folder.path());
    let first = runner.add_native_kind(NativeWalkthrough).unwrap();
    let refused = runner.add_native_kind(Named(description("walkthrough"))).unwrap_err();
    assert!(matches!(refused, RunnerError::DuplicateKind { .. }));
    assert!(refused.to_string().contains("native code, version 1.0.0"), "{refused}");
    assert_eq!(runner.kinds(), [first]);
}

#[tokio::test]
async fn the_limits_of_a_record_and_of_names_hold_for_native_code() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner_without_engine(folder.path());
        let kind = Odd::new(async |host, _| {
            let file = |name: &str| NewArtifact {
                name: name.to_owned(),
                media_type: "text/plain".to_owned(),
                content: ArtifactContent::Bytes(Vec::new()),
            };
            let climbs = host.artifact(file("../../out")).await.unwrap_err();
            assert!(matches!(climbs, Refusal::Invalid(_)), "{climbs}");
            let climbs = host.draft("a/b".to_owned(), Vec::new()).await.unwrap_err();
            assert!(matches!(climbs, Refusal::Invalid(_)), "{climbs}");
            let long = host.post(vec![Part::Text("x".repeat(1 << 20))], None).await.unwrap_err();
            assert!(matches!(long, Refusal::LimitExceeded { .. }), "{long}");
            let long = host.checkpoint(vec![0; 1 << 20]).await.unwrap_err();
            assert!(matches!(long, Refusal::LimitExceeded { .. }), "{long}");
            Ok(Step::Succeeded { summary: Some("s".repeat(1 << 20)), result: None })
        });
        runner.add_native_kind(kind).unwrap();
        runner.serve();
        let session = runner.session("here".parse().unwrap());
        let task = session.task("odd", json!({})).create().await.unwrap();
        let done = session.outcome(&task.id).await.unwrap();
        assert_eq!(done.state, State::Succeeded, "{:?}", done.error);
        assert_eq!(done.summary.map(|summary| summary.len()), Some(4_096));
        assert_eq!((done.usage.host_calls, done.usage.artifact_bytes, done.usage.messages), (4, 0, 0));
    })
    .await;
}
