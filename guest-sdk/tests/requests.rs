//! Requests over HTTP against the mock host.
//! Does not send any: a test says what is answered.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use taskwright_guest::http::{Error, Request};
use taskwright_guest::mock::{Call, MockHost, Reply, Status};
use taskwright_guest::{Description, Kind, Outcome, Refusal, Retry, Step, Task, Want};

const URL: &str = "https://api.example.com/temperature";

#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Reading {
    celsius: i64,
}

/// Asks until it is warm.
struct Watch;

impl Kind for Watch {
    type Spec = serde_json::Value;
    type Output = i64;

    fn describe() -> Description {
        Description::new("watch", "0.1.0", "Waits for warmth.").wants(Want::http("api", "to read the temperature"))
    }

    async fn start(task: Task<serde_json::Value>) -> Outcome<i64> {
        Self::reconcile(task).await
    }

    async fn reconcile(_task: Task<serde_json::Value>) -> Outcome<i64> {
        let request = Request::get(URL).bearer("weather").header("accept", "application/json");
        let Reading { celsius } = request.timeout(Duration::from_secs(5)).send().await?.ok()?.json().await?;
        if celsius < 20 { Ok(Step::Sleep(Duration::from_secs(60))) } else { Ok(Step::done(celsius)) }
    }
}

fn reading(celsius: i64) -> Reply {
    Reply::ok(serde_json::to_vec(&Reading { celsius }).unwrap())
}

#[test]
fn replies_come_in_their_order_and_the_requests_are_recorded() {
    let host = MockHost::new().reply("GET", URL, reading(7)).reply("GET", URL, reading(21));
    let mut run = host.start::<Watch>(());
    assert!(matches!(run.status(), Status::Hibernating { .. }));
    run.advance(Duration::from_secs(60));
    assert_eq!(run.result::<i64>(), 21);
    let requests = run.record().requests;
    assert_eq!((requests.len(), run.calls(Call::Send)), (2, 2));
    assert_eq!(requests[0].headers[0], ("authorization".to_owned(), b"Bearer {{secret:weather}}".to_vec()));
    assert_eq!(requests[0].timeout, Some(Duration::from_secs(5)));
}

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    for (reply, kind, retry) in [
        (Reply::status(503), "http_status", Retry::Backoff),
        (Reply::status(404), "http_status", Retry::Never),
        (Reply::error(Error::Timeout("the head".to_owned())), "http_timeout", Retry::Backoff),
        (Reply::error(Error::Denied("no".to_owned())), "http_denied", Retry::Never),
        (Reply::ok("no JSON"), "http_body", Retry::Never),
        (Reply::ok("{").broken(Error::Connection("lost".to_owned())), "http_connection", Retry::Backoff),
    ] {
        let run = MockHost::new().reply("GET", URL, reply).start::<Watch>(());
        assert_eq!((run.failure().kind.as_str(), run.failure().retry), (kind, retry));
    }
}

#[test]
fn a_request_that_no_test_has_planned_is_denied() {
    let run = MockHost::new().start::<Watch>(());
    assert_eq!(run.failure().kind, "http_denied");
    assert!(run.failure().message.contains("MockHost::reply"), "{}", run.failure());
    let refusal = Refusal::Denied("not today".to_owned());
    let run = MockHost::new().reply("GET", URL, reading(30)).refuse(Call::Send, refusal).start::<Watch>(());
    assert!(run.failure().message.contains("not today"), "{}", run.failure());
}

/// Counts the pieces of a body.
struct Pieces;

impl Kind for Pieces {
    type Spec = serde_json::Value;
    type Output = Vec<usize>;

    fn describe() -> Description {
        Description::new("pieces", "0.1.0", "Counts.").wants(Want::http("api", "to read").optional())
    }

    async fn start(_task: Task<serde_json::Value>) -> Outcome<Vec<usize>> {
        let mut response = Request::post(URL).json(&Reading { celsius: 1 }).send().await?;
        assert_eq!((response.status, response.header("X-A")), (201, Some("b")));
        let mut sizes = Vec::new();
        while let Some(piece) = response.chunk().await? {
            sizes.push(piece.len());
        }
        let again = Request::post(URL).send().await?.bytes_up_to(10).await;
        assert!(matches!(again, Err(Error::LimitExceeded(_))), "{again:?}");
        Ok(Step::done(sizes))
    }
}

#[test]
fn a_body_comes_in_pieces_of_a_limited_size() {
    let reply = Reply::status(201).header("x-a", "b").piece("one").piece("").piece(vec![0; 70_000]);
    let run = MockHost::new().reply("POST", URL, reply).start::<Pieces>(());
    assert_eq!(run.result::<Vec<usize>>(), [3, 65_536, 4_464]);
    assert_eq!(run.record().requests[0].body.as_deref(), Some(&b"{\"celsius\":1}"[..]));
}
