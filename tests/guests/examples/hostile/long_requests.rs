//! Says more of requests than any server takes, for as many as it can make, and never sends one that could be sent.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::request::wants_http;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        wants_http(false)
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        let long = "a".repeat(2 << 20);
        let mut requests = Vec::new();
        for _ in 0..100 {
            let request = OutgoingRequest::new(Fields::new());
            let taken = [
                request.set_method(&Method::Other(long.clone())).is_ok(),
                request.set_scheme(Some(&Scheme::Other(long.clone()))).is_ok(),
                request.set_authority(Some(&long)).is_ok(),
                request.set_path_with_query(Some(&format!("/{long}"))).is_ok(),
            ];
            if taken != [false; 4] {
                return Err(failure("taken", &format!("{taken:?}")));
            }
            requests.push(request);
        }
        // Each is refused, and each is a call.
        loop {
            let _ = handle(OutgoingRequest::new(Fields::new()), None);
        }
    }
}

taskwright_test_guests::guest!(Guest);
