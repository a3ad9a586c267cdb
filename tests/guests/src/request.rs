//! Requests over HTTP for guests that are told in their specification which to send.
//! Does not read the response.

use crate::behaviour::{Description, Want, http, plain};

/// A description that wants `http`.
pub fn wants_http(required: bool) -> Description {
    let want = Want { capability: "http".to_owned(), name: "api".to_owned(), reason: "to ask".to_owned(), required };
    Description { wants: vec![want], ..plain() }
}

/// A request without headers or a body.
pub fn request(method: &str, url: &str) -> http::Request {
    http::Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: None,
        body_secrets: false,
        timeout: None,
        redirects: None,
    }
}

/// A header.
pub fn header(name: &str, value: &str) -> http::Header {
    http::Header { name: name.to_owned(), value: value.as_bytes().to_vec() }
}

/// The text of a specification that is a JSON string.
pub fn text(spec: &str) -> String {
    spec.trim_matches('"').replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\")
}

/// The request that a text describes: `METHOD URL OPTION=VALUE ..`, headers, an empty line, the body.
pub fn described(text: &str) -> http::Request {
    let (head, body) = text.split_once("\n\n").map_or((text, None), |(head, body)| (head, Some(body)));
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let mut request = request(words.next().unwrap_or_default(), words.next().unwrap_or_default());
    for option in words {
        match option.split_once('=') {
            Some(("timeout", value)) => request.timeout = value.parse().ok(),
            Some(("redirects", value)) => request.redirects = value.parse().ok(),
            _ => request.body_secrets = option == "body-secrets",
        }
    }
    let split = |line: &str| line.split_once(": ").map(|(name, value)| header(name, value));
    request.headers = lines.filter_map(split).collect();
    request.body = body.map(|body| body.as_bytes().to_vec());
    request
}

/// An error in one line.
pub fn told(error: &http::Error) -> String {
    match error {
        http::Error::LimitExceeded(limit) => format!("limit-exceeded {} {}", limit.dimension, limit.allowed),
        http::Error::Invalid(text) => format!("invalid: {text}"),
        http::Error::Denied(text) => format!("denied: {text}"),
        http::Error::Timeout(text) => format!("timeout: {text}"),
        http::Error::Dns(text) => format!("dns: {text}"),
        http::Error::Connection(text) => format!("connection: {text}"),
        http::Error::Tls(text) => format!("tls: {text}"),
        http::Error::Protocol(text) => format!("protocol: {text}"),
    }
}
