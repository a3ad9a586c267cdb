//! What hostile guests and servers try with requests over HTTP.
//! What honest ones do is in `http`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use taskwright_registry::Budget;
use taskwright_sandbox::{HttpGrant, LiveGrants, OutputStream, Sandbox, StopReason};
use taskwright_test_guests as guests;
use tokio::sync::Semaphore;

use crate::http_server::*;
use crate::support::*;

/// What an instance is told that sends one request.
async fn told(sandbox: &Sandbox, budget: Budget, grants: LiveGrants, spec: &str) -> (String, String) {
    outcome(&mut running(sandbox, guests::HTTP_CLIENT, budget, grants).await, spec).await
}

pub(crate) mod http_nearby {
    use super::*;

    #[tokio::test]
    async fn no_way_of_writing_an_address_leads_to_the_host_or_its_neighbours() {
        let server = serve(async |exchange| exchange.respond("200 OK", "", "").await).await;
        let port = server.address.port();
        let urls: Vec<String> = [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[::1]",
            "0.0.0.0",
            "[::]",
            "169.254.169.254",
            "0xa9fea9fe",
            "[::ffff:a9fe:a9fe]",
            "[fd00:ec2::254]",
            "10.0.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "near.test",
            "mapped.test",
            "mixed.test",
        ]
        .iter()
        .map(|host| format!("http://{host}:{port}/"))
        .collect();
        name("near.test", &[&["127.0.0.1"]]);
        name("mapped.test", &[&["::ffff:169.254.169.254"]]);
        name("mixed.test", &[&["93.184.216.34", "127.0.0.1"]]);
        let grants =
            urls.iter().map(|url| HttpGrant { private: false, ..to(url.trim_end_matches('/'), &[]) }).collect();
        let mut running = running(&PATIENT, guests::HTTP_NEARBY, Budget::default(), granted(grants)).await;
        let (_, wrote) = outcome(&mut running, &urls.join("\n")).await;
        for (url, told) in urls.iter().zip(wrote.lines()) {
            assert!(told.starts_with("denied: ") && told.contains("no request goes there"), "{url}: {told}");
        }
        assert_eq!(wrote.lines().count(), urls.len());
        assert_eq!(server.connections(), 0);
    }

    #[tokio::test]
    async fn where_private_addresses_are_granted_a_cloud_s_metadata_is_not() {
        let others: &[&[&str]] = &[&["169.254.170.23"], &["fd00:ec2::23"], &["fd20:ce::254"], &["168.63.129.16"]];
        name("other-metadata.test", others);
        name("rebound-to-metadata.test", &[&["169.254.169.254"], &["::ffff:169.254.169.254"], &["0.0.0.0"]]);
        let grants = granted(vec![to("http://*.test", &[])]);
        let mut running = running(&PATIENT, guests::HTTP_NEARBY, Budget::default(), grants).await;
        let spec = ["http://rebound-to-metadata.test/"; 3].into_iter().chain(["http://other-metadata.test/"; 4]);
        let (_, wrote) = outcome(&mut running, &spec.collect::<Vec<_>>().join("\n")).await;
        assert_eq!(wrote.lines().count(), 7);
        assert!(wrote.lines().all(|told| told.starts_with("denied: ")), "{wrote}");
    }

    #[tokio::test]
    async fn a_name_that_is_bound_anew_gains_nothing() {
        let answer = |body: &'static str| move |exchange: Exchange| exchange.respond("200 OK", "", body);
        let first = serve_at("127.0.0.1:0", None, answer("first")).await;
        let port = first.address.port();
        let second = serve_at(&format!("127.0.0.2:{port}"), None, answer("second")).await;
        name("rebind.test", &[&["127.0.0.1"], &["127.0.0.2"]]);
        let grants = granted(vec![to(&format!("http://rebind.test:{port}"), &[])]);
        let url = format!("http://rebind.test:{port}/");
        let mut running = running(&PATIENT, guests::HTTP_NEARBY, Budget::default(), grants).await;
        assert_eq!(outcome(&mut running, &url).await.1, "status 200\n");
        // The name was asked for once, and the answer that was checked is the one that was connected to.
        assert_eq!((asked("rebind.test"), first.connections(), second.connections()), (1, 1, 0));
    }
}

pub(crate) mod http_injector {
    use super::*;

    #[tokio::test]
    async fn nothing_can_be_smuggled_into_a_request() {
        let server = serve(async |exchange| exchange.respond("200 OK", "", "").await).await;
        let grants = granted(vec![to(&server.origin(), &["GET", "CONNECT", "TRACE"])]);
        let mut running = running(&PATIENT, guests::HTTP_INJECTOR, Budget::default(), grants).await;
        let (_, wrote) = outcome(&mut running, &format!("{}/x", server.origin())).await;
        assert_eq!(wrote.lines().count(), 17);
        assert!(wrote.lines().all(|told| told.starts_with("invalid: ")), "{wrote}");
        assert_eq!(server.connections(), 0);
    }
}

pub(crate) mod http_flood {
    use super::*;

    #[tokio::test]
    async fn more_requests_than_the_budget_has_are_refused_and_not_sent() {
        let server = serve(async |exchange| exchange.respond("200 OK", "", "").await).await;
        let budget = Budget { http_requests: 25, ..Budget::default() };
        let grants = granted(vec![to(&server.origin(), &[])]);
        let mut running = running(&PATIENT, guests::HTTP_FLOOD, budget, grants).await;
        let (said, _) = outcome(&mut running, &format!("GET {}", server.origin())).await;
        assert_eq!(said, "25 answers, then limit-exceeded http_requests 25");
        assert_eq!((server.requests().len(), running.instance.usage().http_requests), (25, 25));
    }

    #[tokio::test]
    async fn each_redirect_is_counted_as_a_request() {
        let server = serve(async |exchange| {
            let next = exchange.request.split(' ').nth(1).unwrap().len();
            match next {
                4.. => exchange.respond("200 OK", "", "").await,
                _ => exchange.respond("302 Found", &format!("location: /{}\r\n", "x".repeat(next)), "").await,
            }
        });
        let server = server.await;
        let budget = Budget { http_requests: 10, ..Budget::default() };
        let grants = granted(vec![to(&server.origin(), &[])]);
        let mut running = running(&PATIENT, guests::HTTP_FLOOD, budget, grants).await;
        let (said, _) = outcome(&mut running, &format!("GET {}", server.origin())).await;
        assert_eq!(said, "2 answers, then limit-exceeded http_requests 10");
    }
}

pub(crate) mod http_hoarder {
    use super::*;

    /// A server whose responses have no end. Each gives a permit when its connection is closed.
    async fn endless(closed: &Arc<Semaphore>) -> Server {
        serve_with(closed, async |mut exchange: Exchange, closed: Arc<Semaphore>| {
            let mut sent = exchange.write("HTTP/1.1 200 OK\r\n\r\n").await;
            // More than both systems' buffers: the rest stays here until somebody reads.
            while sent {
                sent = exchange.write([b'x'; 64 * 1024]).await;
            }
            closed.add_permits(1);
        })
        .await
    }

    #[tokio::test]
    async fn a_guest_that_opens_a_thousand_responses_holds_sixteen_and_none_after_its_end() {
        let closed = Arc::new(Semaphore::new(0));
        let server = endless(&closed).await;
        let grants = granted(vec![to(&server.origin(), &[])]);
        let mut running = running(&PATIENT, guests::HTTP_HOARDER, Budget::default(), grants).await;
        let (instance, spec) = (running.instance.clone(), serde_json::json!(format!("GET {}", server.origin())));
        let start = tokio::spawn(async move { instance.start(context_with(spec)).await });
        let Report::Output(_, wrote) = running.next().await else { panic!("it writes what it got") };
        assert_eq!(wrote, "16 open, then limit-exceeded http_open_responses 16");
        assert_eq!(server.connections(), 16);
        // What nobody reads is not fetched: a buffer of each connection's, and not what the server has to send.
        let usage = running.instance.usage();
        assert!(usage.http_bytes < 16 * 300_000, "{usage:?}");
        running.instance.stop(StopReason::Canceled);
        start.await.unwrap().unwrap_err();
        let _all = closed.acquire_many(16).await.unwrap();
    }

    #[tokio::test]
    async fn a_response_that_is_not_read_gives_its_connection_back() {
        let closed = Arc::new(Semaphore::new(0));
        let server = endless(&closed).await;
        let grants = granted(vec![to(&server.origin(), &[])]);
        let running = running(&IMPATIENT, guests::HTTP_HOARDER, Budget::default(), grants).await;
        let (instance, spec) = (running.instance.clone(), serde_json::json!(format!("GET {}", server.origin())));
        let start = tokio::spawn(async move { instance.start(context_with(spec)).await });
        let _all = closed.acquire_many(16).await.unwrap();
        assert!(!start.is_finished(), "the guest is there, and so are its handles");
        running.instance.stop(StopReason::Canceled);
        start.await.unwrap().unwrap_err();
    }
}

async fn redirecting(to: &str) -> Server {
    let answer = async |exchange: Exchange, head: String| exchange.respond("302 Found", &head, "").await;
    serve_with(&format!("location: {to}\r\n"), answer).await
}

#[tokio::test]
async fn a_redirect_to_what_is_not_allowed_is_not_followed() {
    let victim = serve(async |exchange| exchange.respond("200 OK", "", "secret").await).await;
    let port = victim.address.port();
    let targets = [
        format!("http://127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        "http://2852039166/".to_owned(),
        "https://evil.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://user@127.0.0.1/".to_owned(),
    ];
    for target in targets {
        let server = redirecting(&target).await;
        let grants = granted(vec![to(&server.origin(), &[])]);
        let (said, wrote) = told(&PATIENT, Budget::default(), grants, &format!("GET {}", server.origin())).await;
        assert!(said.starts_with("denied: ") || said.starts_with("invalid: "), "{target}: {said}");
        assert_eq!(wrote, "", "{target}");
    }
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_redirect_leads_to_no_private_address_where_only_the_first_grant_allows_them() {
    let victim = serve(async |exchange| exchange.respond("200 OK", "", "secret").await).await;
    let server = redirecting(&format!("{}/", victim.origin())).await;
    let grants = granted(vec![
        to(&server.origin(), &[]),
        HttpGrant { private: false, name: "other".to_owned(), ..to(&victim.origin(), &[]) },
    ]);
    let (said, _) = told(&PATIENT, Budget::default(), grants, &format!("GET {}", server.origin())).await;
    assert!(said.starts_with("denied: ") && said.contains("private = true"), "{said}");
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_secret_goes_to_its_own_host_and_nowhere_else() {
    let other = serve(async |exchange| {
        let request = exchange.request.clone();
        exchange.respond("200 OK", "", &request.replace("\r\n", "|")).await;
    });
    let other = other.await;
    let elsewhere = format!("location: {}/taken\r\n", other.origin());
    let server = serve(move |exchange: Exchange| {
        let elsewhere = elsewhere.clone();
        async move {
            let sent = exchange.request.clone();
            let token = sent.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
            match sent.split(' ').nth(1).unwrap() {
                "/away" => exchange.respond("307 Temporary Redirect", &elsewhere, "").await,
                "/leak" => {
                    let location = elsewhere.replace("/taken", &format!("/?{}", token.replace(' ', "%20")));
                    exchange.respond("302 Found", &location, "").await;
                }
                "/echo" => exchange.respond("302 Found", "location: /?t=s3cret-value\r\n", "").await,
                _ => exchange.respond("200 OK", &format!("x-token: {token}\r\n"), "").await,
            }
        }
    });
    let server = server.await;
    let grants = granted(vec![
        with_secret(to(&server.origin(), &["GET", "POST"]), "token", "s3cret-value"),
        to(&other.origin(), &["GET", "POST"]),
    ]);
    let tell = async |spec: &str| told(&PATIENT, Budget::default(), grants.clone(), spec).await;
    let origin = server.origin();
    let header = "authorization: Bearer {{secret:token}}\nx-plain: plain";
    // To its host it goes, and what the host sends back of it in its head is a placeholder again.
    let (said, wrote) = tell(&format!("GET {origin}/\n{header}")).await;
    assert_eq!(said, "read 0");
    assert!(server.requests()[0].contains("authorization: Bearer s3cret-value\r\n"), "{:?}", server.requests());
    assert!(wrote.contains("x-token: Bearer {{secret:token}}\n"), "{wrote}");
    let (_, wrote) = tell(&format!("GET {origin}/echo\n{header}")).await;
    assert!(wrote.starts_with(&format!("200 {origin}/?t={{{{secret:token}}}}\n")), "{wrote}");
    // Elsewhere it does not, whichever way.
    let (said, _) = tell(&format!("GET {origin}/away\n{header}")).await;
    assert!(said.starts_with("read "), "{said}");
    let sent = other.requests().remove(0);
    assert!(sent.contains("x-plain: plain") && !sent.contains("authorization") && !sent.contains("s3cret"), "{sent}");
    for (spec, refusal) in [
        (format!("GET {}/\n{header}", other.origin()), "no secret `token`"),
        (format!("GET {origin}/leak\n{header}"), "with a secret in the url"),
        (format!("POST {origin}/away body-secrets\n\n{{{{secret:token}}}}"), "not carried to another origin"),
        (format!("GET {origin}/\nx: {{{{secret:unknown}}}}"), "no secret `unknown`"),
    ] {
        let (said, wrote) = tell(&spec).await;
        assert!(said.starts_with("denied: ") && said.contains(refusal), "{spec}: {said}");
        assert!(!said.contains("s3cret") && wrote.is_empty(), "{said} {wrote}");
    }
    let (said, _) = tell(&format!("GET {origin}/?{{{{secret:token}}}}")).await;
    assert!(said.starts_with("invalid: a secret cannot stand in a url"), "{said}");
    assert_eq!(other.requests().len(), 1);
    // A body that is said to hold secrets gets them.
    tell(&format!("POST {origin}/ body-secrets\n\nk={{{{secret:token}}}}")).await;
    assert!(server.requests().last().unwrap().ends_with("\r\n\r\nk=s3cret-value"), "{:?}", server.requests());
}

#[tokio::test]
async fn an_endless_body_ends_at_the_budget_and_at_the_limit_of_one_response() {
    let server = serve(async |mut exchange: Exchange| {
        exchange.write("HTTP/1.1 200 OK\r\n\r\n").await;
        while exchange.write([b'x'; 64 * 1024]).await {}
    });
    let server = server.await;
    let grants = granted(vec![to(&server.origin(), &[])]);
    let budget = Budget { http_bytes: 1 << 20, ..Budget::default() };
    let mut bomb = running(&PATIENT, guests::HTTP_CLIENT, budget, grants.clone()).await;
    let (said, _) = outcome(&mut bomb, &format!("GET {}", server.origin())).await;
    assert_eq!(said, "limit-exceeded http_bytes 1048576");
    assert!(bomb.instance.usage().http_bytes <= 1 << 20);
    let (said, _) = told(&IMPATIENT, Budget::default(), grants, &format!("GET {}", server.origin())).await;
    assert_eq!(said, "limit-exceeded http_response_bytes 100000");
}

#[tokio::test]
async fn a_body_that_is_too_long_by_its_own_word_is_not_begun() {
    let server = serve(async |mut exchange: Exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n").await;
        exchange.closed().await;
    });
    let server = server.await;
    let grants = granted(vec![to(&server.origin(), &[])]);
    let (said, _) = told(&IMPATIENT, Budget::default(), grants, &format!("GET {}", server.origin())).await;
    assert_eq!(said, "limit-exceeded http_response_bytes 100000");
}

#[tokio::test]
async fn a_head_without_an_end_is_refused() {
    let endless = serve(async |mut exchange: Exchange| {
        exchange.write("HTTP/1.1 200 OK\r\n").await;
        while exchange.write(format!("x-a: {}\r\n", "y".repeat(4_000))).await {}
    });
    let informing = serve(async |mut exchange: Exchange| while exchange.write("HTTP/1.1 103 x\r\n\r\n").await {});
    let nonsense = serve(async |mut exchange: Exchange| while exchange.write("SSH-2.0-x\r\n").await {});
    let grants = |server: &Server| granted(vec![to(&server.origin(), &[])]);
    for server in [endless.await, nonsense.await] {
        let spec = format!("GET {}", server.origin());
        let (said, _) = told(&PATIENT, Budget::default(), grants(&server), &spec).await;
        assert!(said.starts_with("protocol: "), "{said}");
    }
    let server = informing.await;
    let budget = Budget { http_bytes: 1 << 20, ..Budget::default() };
    let (said, _) = told(&PATIENT, budget, grants(&server), &format!("GET {}", server.origin())).await;
    assert_eq!(said, "limit-exceeded http_bytes 1048576");
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_given_up() {
    const TICK: std::time::Duration = std::time::Duration::from_millis(20);
    let silent = serve(async |exchange: Exchange| exchange.closed().await).await;
    let dripping = serve(async |mut exchange: Exchange| {
        exchange.write("HTTP/1.1 200 OK\r\n\r\n").await;
        while exchange.write("x").await {
            tokio::time::sleep(TICK).await;
        }
    });
    let dripping = dripping.await;
    let pausing = serve(async |mut exchange: Exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
        exchange.closed().await;
    });
    let pausing = pausing.await;
    for (sandbox, server, option, what) in [
        (&IMPATIENT, &silent, "", "the head of the response"),
        (&PATIENT, &silent, " timeout=200", "the request"),
        (&PATIENT, &dripping, " timeout=500", "the exchange"),
        (&IMPATIENT, &pausing, "", "the next piece of the body"),
    ] {
        let grants = granted(vec![to(&server.origin(), &[])]);
        let spec = format!("GET {}{option}", server.origin());
        let (said, _) = told(sandbox, Budget::default(), grants, &spec).await;
        assert!(said.starts_with(&format!("timeout: {what} took longer than")), "{said}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_not_taken_for_a_whole_one() {
    for cut in ["content-length: 10\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n5\r\nwhole\r\n5\r\nha"] {
        let sent = Arc::new(AtomicUsize::new(0));
        let server = serve_with(&(sent.clone(), cut), async |mut exchange: Exchange, (sent, cut)| {
            exchange.write(format!("HTTP/1.1 200 OK\r\n{cut}")).await;
            sent.fetch_add(1, SeqCst);
        })
        .await;
        let grants = granted(vec![to(&server.origin(), &[])]);
        let mut running = running(&PATIENT, guests::HTTP_CLIENT, Budget::default(), grants).await;
        let result = running.instance.start(context_with(serde_json::json!(format!("GET {}", server.origin())))).await;
        let said = summary(result);
        assert!(said.starts_with("connection: the body ended early"), "{said}");
        assert!(!running.text(OutputStream::Output).is_empty());
        assert_eq!(sent.load(SeqCst), 1);
    }
}
