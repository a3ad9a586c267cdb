//! Requests over HTTP that an honest kind sends, and how it is told what it may not.
//! What a hostile guest or server tries is in `http_hostile`.

use std::sync::Arc;

use taskwright_registry::Budget;
use taskwright_sandbox::{Grants, LoadError, OutputStream, StopReason};
use taskwright_test_guests as guests;
use tokio::sync::Notify;

use crate::http_server::*;
use crate::support::*;

pub(crate) mod http_client {
    use super::*;

    async fn client(grants: taskwright_sandbox::LiveGrants) -> Running {
        running(&PATIENT, guests::HTTP_CLIENT, Budget::default(), grants).await
    }

    #[tokio::test]
    async fn a_request_goes_out_as_it_was_written_and_its_response_comes_in() {
        let server = serve(async |exchange| exchange.respond("201 Created", "x-b: two\r\n", "hello").await).await;
        let mut running = client(granted(vec![to(&server.origin(), &["POST"])])).await;
        let spec = format!("post {}/a?b=c#d\nx-a: one\n\nbody {{{{secret:x}}}}", server.origin());
        let (said, wrote) = outcome(&mut running, &spec).await;
        assert_eq!(said, "read 5");
        assert_eq!(wrote, format!("201 {}/a?b=c\ncontent-length: 5\nx-b: two\nhello", server.origin()));
        let sent = server.requests().remove(0);
        let (head, body) = sent.split_once("\r\n\r\n").unwrap();
        let mut lines: Vec<&str> = head.lines().collect();
        assert_eq!(lines.remove(0), "POST /a?b=c HTTP/1.1");
        lines.sort_unstable();
        let host = format!("host: {}", server.address);
        assert_eq!(lines, ["connection: close", "content-length: 17", host.as_str(), "x-a: one"]);
        // A body is not looked into unless the guest says so.
        assert_eq!(body, "body {{secret:x}}");
        let usage = running.instance.usage();
        let received = "HTTP/1.1 201 Created\r\ncontent-length: 5\r\nx-b: two\r\n\r\nhello".len();
        assert_eq!((usage.http_requests, usage.http_bytes), (1, (sent.len() + received) as u64));
    }

    #[tokio::test]
    async fn tls_is_spoken_with_servers_that_can_prove_their_name() {
        name("tls.test", &[&["127.0.0.1"]]);
        name("other.test", &[&["127.0.0.1"]]);
        let server = serve_tls(None, async |exchange| exchange.respond("200 OK", "", "private").await).await;
        let port = server.address.port();
        let grants = || {
            granted(vec![to(&format!("https://tls.test:{port}"), &[]), to(&format!("https://other.test:{port}"), &[])])
        };
        let (said, wrote) = outcome(&mut client(grants()).await, &format!("GET https://tls.test:{port}/")).await;
        assert!(said == "read 7" && wrote.ends_with("\nprivate"), "{said} {wrote}");
        let (said, _) = outcome(&mut client(grants()).await, &format!("GET https://other.test:{port}/")).await;
        assert!(said.starts_with("tls: ") && said.contains("not valid for name"), "{said}");
        let stranger = rcgen::generate_simple_self_signed(["tls.test".to_owned()]).unwrap();
        let server = serve_tls(Some(&stranger), async |exchange| exchange.respond("200 OK", "", "x").await).await;
        let url = format!("https://tls.test:{}", server.address.port());
        let (said, _) = outcome(&mut client(granted(vec![to(&url, &[])])).await, &format!("GET {url}")).await;
        assert!(said.starts_with("tls: ") && server.requests().is_empty(), "{said}");
    }

    #[tokio::test]
    async fn a_body_is_read_as_it_comes() {
        let more = Arc::new(Notify::new());
        let server = serve_with(&more, async |mut exchange: Exchange, more: Arc<Notify>| {
            exchange.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
            more.notified().await;
            exchange.write("6\r\nsecond\r\n0\r\n\r\n").await;
        })
        .await;
        let mut running = client(granted(vec![to(&server.origin(), &[])])).await;
        let (instance, spec) = (running.instance.clone(), serde_json::json!(format!("GET {}", server.origin())));
        let start = tokio::spawn(async move { instance.start(context_with(spec)).await });
        while running.next().await != Report::Output(OutputStream::Output, "first".to_owned()) {}
        more.notify_one();
        assert_eq!(running.next().await, Report::Output(OutputStream::Output, "second".to_owned()));
        assert_eq!(summary(start.await.unwrap()), "read 11");
    }

    #[tokio::test]
    async fn a_grant_that_is_revoked_ends_a_response_in_the_middle() {
        let more = Arc::new(Notify::new());
        let server = serve_with(&more, async |mut exchange: Exchange, more: Arc<Notify>| {
            exchange.write("HTTP/1.1 200 OK\r\n\r\nfirst").await;
            more.notified().await;
            exchange.write("second").await;
            exchange.closed().await;
            more.notify_one();
        })
        .await;
        let grants = granted(vec![to(&server.origin(), &[])]);
        let mut running = client(grants.clone()).await;
        let (instance, spec) = (running.instance.clone(), serde_json::json!(format!("GET {}", server.origin())));
        let start = tokio::spawn(async move { instance.start(context_with(spec)).await });
        while running.next().await != Report::Output(OutputStream::Output, "first".to_owned()) {}
        // The guest waits for the next piece, or is about to.
        grants.replace(Grants::default());
        more.notify_one();
        let said = summary(start.await.unwrap());
        assert!(said.starts_with("denied: ") && said.contains("[[kinds.test-guest.http]]"), "{said}");
        assert_eq!(running.text(OutputStream::Output), "");
        // And the connection is gone.
        more.notified().await;
    }

    #[tokio::test]
    async fn without_a_grant_the_guest_is_told_which_line_would_grant_it() {
        let (said, _) = outcome(&mut client(granted(vec![])).await, "GET https://api.example.com/x").await;
        let line = r#"[[kinds.test-guest.http]] name = "api" allow = ["https://api.example.com"] methods = ["GET"]"#;
        assert!(said.starts_with("denied: ") && said.ends_with(line), "{said}");
    }

    #[tokio::test]
    async fn a_method_or_port_or_host_that_is_not_allowed_is_refused_before_anything_is_sent() {
        let server = serve(async |exchange| exchange.respond("200 OK", "", "").await).await;
        name("elsewhere.test", &[&["127.0.0.1"]]);
        let (grants, port) = (granted(vec![to(&server.origin(), &["PUT"])]), server.address.port());
        for request in [
            format!("GET {}", server.origin()),
            format!("POST {}", server.origin()),
            format!("PUT http://elsewhere.test:{port}/"),
            format!("PUT https://127.0.0.1:{port}/"),
            "PUT http://127.0.0.1/".to_owned(),
        ] {
            let (said, _) = outcome(&mut client(grants.clone()).await, &request).await;
            assert!(said.starts_with("denied: "), "{request}: {said}");
        }
        assert_eq!((server.connections(), asked("elsewhere.test")), (0, 0));
    }

    #[tokio::test]
    async fn redirects_are_followed_counted_and_limited() {
        let answer = async |exchange: Exchange| {
            let (status, to) = match exchange.request.split(' ').nth(1).unwrap() {
                "/a" => ("302 Found", "/b"),
                "/b" => ("307 Temporary Redirect", "c?d"),
                "/round" => ("301 Moved Permanently", "/round"),
                _ => return exchange.respond("200 OK", "", "there").await,
            };
            exchange.respond(status, &format!("location: {to}\r\n"), "elsewhere").await;
        };
        let server = serve(answer).await;
        let (origin, grants) = (server.origin(), granted(vec![to(&server.origin(), &["GET", "POST"])]));
        let mut running = client(grants.clone()).await;
        let (said, wrote) = outcome(&mut running, &format!("POST {origin}/a\n\nbody")).await;
        assert!(said == "read 5" && wrote.starts_with(&format!("200 {origin}/c?d\n")), "{said} {wrote}");
        assert_eq!(running.instance.usage().http_requests, 3);
        let lines: Vec<_> = server.requests().iter().map(|sent| sent.lines().next().unwrap().to_owned()).collect();
        assert_eq!(lines, ["POST /a HTTP/1.1", "GET /b HTTP/1.1", "GET /c?d HTTP/1.1"]);
        let (said, _) = outcome(&mut client(grants.clone()).await, &format!("GET {origin}/round")).await;
        assert_eq!(said, "limit-exceeded http_redirects 5");
        let (said, wrote) = outcome(&mut client(grants.clone()).await, &format!("GET {origin}/a redirects=0")).await;
        assert!(said == "read 9" && wrote.contains("location: /b\n"), "{said} {wrote}");
    }

    #[tokio::test]
    async fn a_name_without_an_address_and_a_port_without_a_server_are_told_apart() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let grants = granted(vec![to("http://nowhere.test", &[]), to(&format!("http://{free}"), &[])]);
        let (said, _) = outcome(&mut client(grants.clone()).await, "GET http://nowhere.test/").await;
        assert!(said.starts_with("dns: "), "{said}");
        let (said, _) = outcome(&mut client(grants).await, &format!("GET http://{free}/")).await;
        assert!(said.starts_with("connection: "), "{said}");
    }

    #[tokio::test]
    async fn the_end_of_an_instance_is_the_end_of_its_connections() {
        let closed = Arc::new(Notify::new());
        let server = serve_with(&closed, async |mut exchange: Exchange, closed: Arc<Notify>| {
            exchange.write("HTTP/1.1 200 OK\r\n\r\nfirst").await;
            exchange.closed().await;
            closed.notify_one();
        })
        .await;
        let mut running = client(granted(vec![to(&server.origin(), &[])])).await;
        let (instance, spec) = (running.instance.clone(), serde_json::json!(format!("GET {}", server.origin())));
        let start = tokio::spawn(async move { instance.start(context_with(spec)).await });
        while running.next().await != Report::Output(OutputStream::Output, "first".to_owned()) {}
        running.instance.stop(StopReason::Canceled);
        start.await.unwrap().unwrap_err();
        closed.notified().await;
    }
}

pub(crate) mod wasi_http {
    use super::*;

    #[tokio::test]
    async fn the_usual_client_of_a_language_is_held_to_the_same_policy() {
        let server = serve(async |exchange| {
            let request = exchange.request.replace("\r\n", "|");
            exchange.respond("200 OK", "", &request).await;
        });
        let server = server.await;
        let origin = server.origin();
        let grant = with_secret(to(&origin, &["GET", "POST"]), "token", "s3cret");
        let mut running = running(&PATIENT, guests::WASI_HTTP, Budget::default(), granted(vec![grant])).await;
        let spec =
            format!("GET {origin}/a?b\nPOST {origin}/c body\nGET http://127.0.0.1:1/\nGET http://169.254.169.254/");
        let result = running.instance.start(context_with(serde_json::json!(spec))).await;
        assert_eq!(summary(result), "tried");
        let reports = running.rest();
        let text = |wanted| -> String {
            let of = |report: &Report| match report {
                Report::Output(stream, text) if *stream == wanted => Some(text.clone()),
                _ => None,
            };
            reports.iter().filter_map(of).collect()
        };
        let lines = text(OutputStream::Output);
        let lines: Vec<&str> = lines.lines().collect();
        assert!(lines[0].starts_with("200 GET /a?b HTTP/1.1|"), "{lines:?}");
        assert!(lines[1].starts_with("200 POST /c HTTP/1.1|") && lines[1].contains("body"), "{lines:?}");
        assert!(lines[..2].iter().all(|line| line.contains("authorization: Bearer s3cret|")), "{lines:?}");
        assert_eq!(lines[2..], ["error ErrorCode::HttpRequestDenied", "error ErrorCode::HttpRequestDenied"]);
        // What `wasi:http` has no words for is told in the output.
        let notes = text(OutputStream::Stderr);
        assert!(notes.contains(r#"name = "api" allow = ["http://127.0.0.1:1"]"#), "{notes}");
        assert_eq!(running.instance.usage().http_requests, 2);
    }
}

pub(crate) mod http_required {
    use super::*;

    #[tokio::test]
    async fn a_kind_says_what_it_cannot_work_without() {
        let kind = PATIENT.load(guests::HTTP_REQUIRED).await.unwrap();
        let missing = kind.missing_grants(&Grants::default());
        let line = r#"[[kinds.http-required.http]] name = "api" allow = ["https://HOST"] methods = ["GET"]"#;
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].line.as_deref(), Some(line));
        let http = vec![to("https://api.example.com", &[])];
        assert_eq!(kind.missing_grants(&Grants { http, ..Grants::default() }), []);
        let optional = PATIENT.load(guests::HTTP_CLIENT).await.unwrap();
        assert_eq!(optional.missing_grants(&Grants::default()), []);
    }
}

pub(crate) mod http_unwanted {
    use super::*;

    #[tokio::test]
    async fn who_imports_requests_and_does_not_want_them_is_refused() {
        let error = PATIENT.load(guests::HTTP_UNWANTED).await.unwrap_err();
        let import = "taskwright:task/http@0.1.0".to_owned();
        assert_eq!(error, LoadError::UnwantedImport { import, capability: "http" });
        assert!(error.to_string().contains("add the want"), "{error}");
    }
}
