//! Sends requests the way of `wasi:http`: one for each line of its specification, with the rest of the line as its body.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::request::{text, wants_http};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

struct Guest;

fn send(line: &str) -> Result<String, String> {
    let mut words = line.splitn(3, ' ');
    let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let body = words.next();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let token = b"Bearer {{secret:token}}".to_vec();
    let fields = Fields::from_list(&[("authorization".to_owned(), token)]).map_err(|error| format!("{error:?}"))?;
    if Fields::new().append("host", b"evil").is_ok() {
        return Err("a host header was taken".to_owned());
    }
    let request = OutgoingRequest::new(fields);
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    let method = if method == "POST" { Method::Post } else { Method::Get };
    request.set_method(&method).map_err(|()| "method")?;
    request.set_authority(Some(authority)).map_err(|()| "authority")?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(|()| "path")?;
    let outgoing = body.map(|_| request.body()).transpose().map_err(|()| "body")?;
    let response = handle(request, None).map_err(|error| format!("{error:?}"))?;
    if let (Some(outgoing), Some(body)) = (outgoing, body) {
        let stream = outgoing.write().map_err(|()| "write")?;
        stream.blocking_write_and_flush(body.as_bytes()).map_err(|error| format!("{error:?}"))?;
        drop(stream);
        OutgoingBody::finish(outgoing, None).map_err(|error| format!("{error:?}"))?;
    }
    response.subscribe().block();
    let response = response.get().ok_or("not ready")?.map_err(|()| "taken")?.map_err(|error| format!("{error:?}"))?;
    read(&response)
}

fn read(response: &IncomingResponse) -> Result<String, String> {
    let body = response.consume().map_err(|()| "consumed")?;
    let stream = body.stream().map_err(|()| "streamed")?;
    let mut text = format!("{} ", response.status());
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(piece) => text.push_str(&String::from_utf8_lossy(&piece)),
            Err(StreamError::Closed) => return Ok(text),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}

impl Behaviour for Guest {
    fn describe() -> Description {
        wants_http(true)
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        for line in text(&task.spec).lines() {
            let told = send(line).unwrap_or_else(|error| format!("error {error}"));
            sink::output(format!("{told}\n")).await.map_err(refused)?;
        }
        succeeded("tried")
    }
}

taskwright_test_guests::guest!(Guest);
