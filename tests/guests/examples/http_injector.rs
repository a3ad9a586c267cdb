//! Tries to get a second request, or a header of the host's, into its request.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::request::*;

struct Guest;

const HEADERS: [(&str, &str); 9] = [
    ("x-a", "1\r\nx-smuggled: 1"),
    ("x-a", "1\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: evil"),
    ("x-a\r\nx-smuggled", "1"),
    ("x-a: 1\r\nx-smuggled", "1"),
    ("x-a", "1\nx-smuggled: 1"),
    ("host", "smuggled"),
    ("Transfer-Encoding", "chunked"),
    ("content-length", "0"),
    ("Connection", "keep-alive"),
];

impl Behaviour for Guest {
    fn describe() -> Description {
        wants_http(true)
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        let url = text(&task.spec);
        let mut requests = Vec::new();
        for (name, value) in HEADERS {
            requests.push(http::Request { headers: vec![header(name, value)], ..request("GET", &url) });
        }
        for end in [" HTTP/1.1\r\nx-smuggled: 1", "\r\nx-smuggled: 1", "\tsmuggled", "#\r\n"] {
            requests.push(request("GET", &format!("{url}{end}")));
        }
        for method in ["GET /smuggled HTTP/1.1\r\nx: ", "GET\r\n", "CONNECT", "TRACE"] {
            requests.push(request(method, &url));
        }
        for request in requests {
            let error = http::send(request).await.err().map(|error| told(&error));
            sink::output(format!("{}\n", error.unwrap_or_else(|| "sent".to_owned()))).await.map_err(refused)?;
        }
        succeeded("tried")
    }
}

taskwright_test_guests::guest!(Guest);
