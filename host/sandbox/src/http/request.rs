//! A request as it is sent to one origin: checked, with the placeholders of secrets still in it.
//! Does not send it, and does not follow anything.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use taskwright_registry::clean_line;

use super::destination::Destination;
use super::error::HttpError;
use super::{SecretGrant, secret};

/// How many headers a request may have, and how many bytes their names and values, before and after secrets are put in.
pub(crate) const HEADERS: usize = 100;
/// See `HEADERS`.
pub(crate) const HEADER_BYTES: usize = 64 * 1024;

/// How long the parts of an exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// Waiting for a connection, the name's resolution and TLS included.
    pub(crate) connect: Duration,
    /// From the request to the head of its response.
    pub(crate) head: Duration,
    /// Waiting for the next piece of a body.
    pub(crate) idle: Duration,
    /// Everything, to the end of the body.
    pub(crate) total: Duration,
}

/// A request to one origin.
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) to: Destination,
    pub(crate) headers: Vec<(HeaderName, Bytes)>,
    body: Option<Bytes>,
    body_secrets: bool,
    /// The names of all secrets that it has placeholders of.
    secrets: BTreeSet<String>,
}

impl Hop {
    /// Checks what it is made of.
    pub(crate) fn new(
        method: Method,
        to: Destination,
        headers: Vec<(HeaderName, Bytes)>,
        body: Option<Bytes>,
        body_secrets: bool,
    ) -> Result<Self, HttpError> {
        let mut hop = Self { method, to, headers, body, body_secrets, secrets: BTreeSet::new() };
        hop.secrets = hop.named()?;
        Ok(hop)
    }

    fn named(&self) -> Result<BTreeSet<String>, HttpError> {
        let mut names = BTreeSet::new();
        for (name, value) in &self.headers {
            let found = secret::names(value);
            names.extend(found.map_err(|problem| HttpError::Invalid(format!("header `{name}`: {problem}")))?);
        }
        if let Some(body) = self.body.as_ref().filter(|_| self.body_secrets) {
            let found = secret::names(body);
            names.extend(found.map_err(|problem| HttpError::Invalid(format!("body: {problem}")))?);
        }
        Ok(names)
    }

    /// The names of the secrets that it needs as it is now.
    pub(crate) fn secrets(&self) -> BTreeSet<String> {
        // A redirect may have taken away what named them.
        if self.secrets.is_empty() { BTreeSet::new() } else { self.named().unwrap_or_default() }
    }

    /// Forgets the body.
    pub(crate) fn drop_body(&mut self) {
        self.body = None;
    }

    /// Whether a secret stands in its body.
    pub(crate) fn body_has_secrets(&self) -> bool {
        let body = self.body.as_ref().filter(|_| self.body_secrets);
        body.is_some_and(|body| secret::names(body).is_ok_and(|names| !names.is_empty()))
    }

    /// The body with its secrets.
    pub(crate) fn filled_body(&self, secrets: &[&SecretGrant]) -> Option<Bytes> {
        let body = self.body.clone()?;
        if self.body_has_secrets() { Some(secret::fill(&body, secrets).into()) } else { Some(body) }
    }

    /// The head with its secrets, and with what the host adds: `host`, and that the connection is not kept.
    pub(crate) fn filled_head(&self, secrets: &[&SecretGrant]) -> Result<HeaderMap, HttpError> {
        let mut head = HeaderMap::with_capacity(self.headers.len() + 2);
        let own = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| HttpError::Invalid("the url's host fits no header".to_owned()))
        };
        head.insert(http::header::HOST, own(self.to.authority())?);
        let mut bytes = 0;
        for (name, value) in &self.headers {
            let filled = secret::fill(value, secrets);
            bytes += name.as_str().len() + filled.len();
            // The error says nothing of the value.
            let wrong = |_| HttpError::Invalid(format!("header `{name}`: its value has control characters in it"));
            let mut filled = HeaderValue::from_bytes(&filled).map_err(wrong)?;
            filled.set_sensitive(true);
            head.append(name, filled);
        }
        head.insert(http::header::CONNECTION, HeaderValue::from_static("close"));
        if bytes > HEADER_BYTES {
            return Err(HttpError::limit("http_header_bytes", HEADER_BYTES as u64, bytes as u64));
        }
        Ok(head)
    }
}

/// Whether a header belongs to the connection, and so to the host.
pub(crate) fn is_the_host_s(name: &HeaderName) -> bool {
    let name = name.as_str();
    let exact = [
        "host",
        "connection",
        "keep-alive",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "http2-settings",
    ];
    exact.contains(&name) || name.starts_with("proxy-")
}

/// Whether a header makes servers take the request for one with another method. What a grant says of methods would say nothing.
fn changes_method(name: &HeaderName) -> bool {
    // Servers that hand headers on as variables take `_` for `-`.
    let name = name.as_str().replace('_', "-");
    ["x-http-method-override", "x-http-method", "x-method-override"].contains(&name.as_str())
}

/// Takes the headers of a guest.
pub(crate) fn headers(given: Vec<(String, Vec<u8>)>) -> Result<Vec<(HeaderName, Bytes)>, HttpError> {
    if given.len() > HEADERS {
        return Err(HttpError::limit("http_headers", HEADERS as u64, given.len() as u64));
    }
    let bytes: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > HEADER_BYTES {
        return Err(HttpError::limit("http_header_bytes", HEADER_BYTES as u64, bytes as u64));
    }
    let mut taken = Vec::with_capacity(given.len());
    for (given, value) in given {
        let shown = clean_line(&given, 80);
        let name = HeaderName::from_bytes(given.as_bytes())
            .map_err(|_| HttpError::Invalid(format!("`{shown}` is no name of a header")))?;
        if is_the_host_s(&name) {
            return Err(HttpError::Invalid(format!("header `{name}` is set by the host; leave it out")));
        }
        if changes_method(&name) {
            return Err(HttpError::Denied(format!(
                "header `{name}` would change the method that was allowed; send the request with the method that is meant"
            )));
        }
        if HeaderValue::from_bytes(&value).is_err() {
            return Err(HttpError::Invalid(format!("header `{name}`: its value has control characters in it")));
        }
        taken.push((name, Bytes::from(value)));
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretText;

    fn one(name: &str, value: &[u8]) -> Result<Vec<(HeaderName, Bytes)>, HttpError> {
        headers(vec![(name.to_owned(), value.to_vec())])
    }

    #[test]
    fn what_would_begin_another_header_or_request_is_refused() {
        for (name, value) in [
            ("x-a", &b"1\r\nhost: evil"[..]),
            ("x-a", b"1\nx: y"),
            ("x-a", b"\0"),
            ("x-a\r\nhost", b"evil"),
            ("x a", b"1"),
            ("", b"1"),
            ("host", b"evil"),
            ("HOST", b"evil"),
            ("Connection", b"keep-alive"),
            ("content-length", b"0"),
            ("Transfer-Encoding", b"chunked"),
            ("proxy-authorization", b"x"),
            ("upgrade", b"h2c"),
        ] {
            assert!(matches!(one(name, value), Err(HttpError::Invalid(_))), "{name:?} {value:?}");
        }
        one("x-a", b"tab\tand \xff").unwrap();
    }

    #[test]
    fn a_header_that_changes_the_method_is_refused() {
        for name in ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override", "x_http_method_override"] {
            let error = one(name, b"DELETE").unwrap_err();
            assert!(matches!(&error, HttpError::Denied(text) if text.contains("the method that is meant")), "{error}");
        }
        one("x-method", b"DELETE").unwrap();
    }

    #[test]
    fn a_secret_that_would_begin_another_header_is_refused_without_being_shown() {
        let secret = |value: &str| SecretGrant { name: "k".to_owned(), value: SecretText::new(value.to_owned()) };
        let to = Destination::parse("https://a.example/").unwrap();
        let hop = Hop::new(Method::GET, to, one("x-a", b"{{secret:k}}").unwrap(), None, false).unwrap();
        let error = hop.filled_head(&[&secret("topsecret\r\nx: y")]).unwrap_err();
        assert!(matches!(error, HttpError::Invalid(_)) && !error.to_string().contains("topsecret"), "{error}");
        let head = hop.filled_head(&[&secret("topsecret")]).unwrap();
        assert_eq!(head["x-a"], "topsecret");
        assert!(!format!("{head:?}").contains("topsecret"));
    }

    #[test]
    fn a_body_is_left_alone_unless_it_is_said_to_hold_secrets() {
        let secret = SecretGrant { name: "k".to_owned(), value: SecretText::new("v".to_owned()) };
        let to = Destination::parse("https://a.example/").unwrap();
        let body = Bytes::from_static(b"k={{secret:k}}");
        for (wanted, sent) in [(true, &b"k=v"[..]), (false, &b"k={{secret:k}}"[..])] {
            let hop = Hop::new(Method::POST, to.clone(), Vec::new(), Some(body.clone()), wanted).unwrap();
            assert_eq!(hop.filled_body(&[&secret]).unwrap(), sent);
            assert_eq!(hop.secrets().len(), usize::from(wanted));
        }
    }

    #[test]
    fn too_many_and_too_large_headers_are_refused() {
        let many = (0..=HEADERS).map(|n| (format!("x-{n}"), Vec::new())).collect();
        assert!(matches!(headers(many), Err(HttpError::LimitExceeded { .. })));
        assert!(matches!(one("x-a", &vec![b'a'; HEADER_BYTES]), Err(HttpError::LimitExceeded { .. })));
    }
}
