//! Grants: what a kind cannot work without, and what reaches it.
//! Does not test what a granted capability refuses: the sandbox's tests do.

use serde_json::json;
use taskwright_runner::registry::State;
use taskwright_runner::sandbox::HttpGrant;
use taskwright_runner::{KindSettings, RunnerError};
use taskwright_test_guests::HTTP_REQUIRED;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::bench_of_one::Bench;

fn grant(target: &str) -> HttpGrant {
    HttpGrant {
        name: "api".to_owned(),
        targets: vec![target.parse().unwrap()],
        methods: Vec::new(),
        private: true,
        secrets: Vec::new(),
    }
}

async fn a_kind_without_what_it_requires_is_refused_with_the_line_that_would_grant_it(bench: Bench) {
    let refused = bench.runner.add_kind(HTTP_REQUIRED, KindSettings::default()).await.unwrap_err();
    let line = r#"[[kinds.http-required.http]] name = "api" allow = ["https://HOST"] methods = ["GET"]"#;
    assert!(matches!(refused, RunnerError::MissingGrants { .. }) && refused.to_string().ends_with(line), "{refused}");
    assert!(bench.runner.kinds().iter().all(|kind| kind.kind != "http-required"));
}

async fn a_kind_that_runs_elsewhere_needs_no_grant_and_is_not_claimed(bench: Bench) {
    bench.runner.add_kind(HTTP_REQUIRED, KindSettings::default().runs_elsewhere()).await.unwrap();
    bench.runner.serve();
    let waiting = bench.session.task("http-required", json!("GET http://127.0.0.1:1/")).create().await.unwrap();
    assert_eq!(bench.outcome_of(json!([])).await.state, State::Succeeded);
    assert_eq!(bench.session.get(&waiting.id).await.unwrap().state, State::Queued);
}

async fn a_request_that_is_granted_is_sent_and_counted_in_the_record(bench: Bench) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    });
    bench.runner.add_kind(HTTP_REQUIRED, KindSettings::default().http(grant(&origin))).await.unwrap();
    bench.runner.serve();
    let spec = json!(format!("GET {origin}/"));
    let task = bench.session.task("http-required", spec).create().await.unwrap();
    let done = bench.session.outcome(&task.id).await.unwrap();
    assert_eq!((done.state, done.summary.as_deref()), (State::Succeeded, Some("204")), "{:?}", done.error);
    assert_eq!(done.usage.http_requests, 1);
    assert!(done.usage.http_bytes > 0);
}

crate::over_each_store!(
    a_kind_without_what_it_requires_is_refused_with_the_line_that_would_grant_it,
    a_kind_that_runs_elsewhere_needs_no_grant_and_is_not_claimed,
    a_request_that_is_granted_is_sent_and_counted_in_the_record,
);
