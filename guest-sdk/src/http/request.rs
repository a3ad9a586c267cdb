//! What a kind sends.
//! It does not check anything: the host does.

use std::time::Duration;

use serde::Serialize;

use super::error::Error;
use super::response::Response;
use crate::host;

/// What stands in the value of a header for a secret that the operator has set under this name. The kind never sees it.
pub fn secret(name: &str) -> String {
    format!("{{{{secret:{name}}}}}")
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` and so on; neither `CONNECT` nor `TRACE`.
    pub method: String,
    /// `http` or `https`, without user or password.
    pub url: String,
    /// Names and values. What belongs to the connection is the host's to set: `host`, `content-length` and so on.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// Whether placeholders of secrets are replaced in the body, too.
    pub body_secrets: bool,
    /// How long everything may take, the response's body included; the operator's limit if absent.
    pub timeout: Option<Duration>,
    /// How many redirects are followed; 5 if absent.
    pub redirects: Option<u32>,
}

impl Request {
    /// A request with this method, without headers or a body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            body_secrets: false,
            timeout: None,
            redirects: None,
        }
    }

    /// `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// `HEAD`.
    pub fn head(url: impl Into<String>) -> Self {
        Self::new("HEAD", url)
    }

    /// `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// `PUT`.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// `PATCH`.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// `DELETE`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. One of this name that is there already stays.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `authorization: Bearer` with the secret of this name.
    pub fn bearer(self, name: &str) -> Self {
        self.header("authorization", format!("Bearer {}", secret(name)))
    }

    /// Sets the body. A placeholder of a secret in it stays as it is.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        (self.body, self.body_secrets) = (Some(bytes.into()), false);
        self
    }

    /// Sets a body in which the host replaces the placeholders of secrets. Put nothing into it that somebody else has
    /// written: it could have a placeholder in it.
    pub fn body_with_secrets(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        (self.body, self.body_secrets) = (Some(bytes.into()), true);
        self
    }

    /// Sets the body to JSON, and the header that says so.
    ///
    /// # Panics
    ///
    /// If the value cannot be written as JSON.
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("a body is written as JSON");
        self.header("content-type", "application/json").body(body)
    }

    /// Limits how long everything may take, from `send` to the end of the response's body.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// Follows at most this many redirects; with 0 the redirect itself is the response.
    pub fn redirects(mut self, at_most: u32) -> Self {
        self.redirects = Some(at_most);
        self
    }

    /// Sends it and returns when the head of the response is there. A status of 400 and more is a response like any other;
    /// see [`Response::ok`].
    pub async fn send(self) -> Result<Response, Error> {
        host::send(self).await.map(Response::new)
    }
}
