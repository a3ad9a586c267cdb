//! What the guides teach, run as components.
//! Does not run the tests that the guides show: the package of the guide's kind does.

use serde_json::json;
use taskwright_runner::KindSettings;
use taskwright_runner::registry::{Phase, State};
use taskwright_runner::sandbox::HttpGrant;
use taskwright_test_guests::guides;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::bench_of_one::Bench;

async fn a_kind_of_the_http_guide_hears_a_cancel_as_it_sleeps(bench: Bench) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nbroken\r\n").await;
        }
    });
    let secret = taskwright_runner::sandbox::SecretGrant {
        name: "token".to_owned(),
        value: taskwright_runner::sandbox::SecretText::new("s3cret".to_owned()),
    };
    let grant = HttpGrant {
        name: "page".to_owned(),
        targets: vec![origin.parse().unwrap()],
        methods: Vec::new(),
        private: true,
        secrets: vec![secret],
    };
    let kind = bench.runner.add_kind(guides::WATCH_PAGE, KindSettings::default().http(grant)).await.unwrap().kind;
    bench.runner.serve();
    let spec = json!({"url": origin, "text": "well", "every": 3_600});
    let task = bench.session.task(kind, spec).create().await.unwrap();
    bench.when(&task, |task| task.dispatch.phase == Phase::Hibernating).await;
    bench.session.cancel(&task.id, None).await.unwrap(); // L16
    let done = bench.session.outcome(&task.id).await.unwrap();
    // Its own words: one that is stopped when the grace is over has the host's.
    assert_eq!((done.state, done.summary.as_deref()), (State::Canceled, Some("the text was not there yet")));
    assert_eq!(done.usage.http_requests, 1);
}

crate::cases!(memory, Memory, Component, a_kind_of_the_http_guide_hears_a_cancel_as_it_sleeps);
