//! Why there is no response, or not the one that a kind has use for.
//! It does not say how the task ends: `?` turns one into a failure, and a kind may do better.

use crate::failure::Failure;
use crate::refusal::Limit;

/// Why there is no response, or not the one that a kind has use for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request is wrong; the text says where. Nothing was sent.
    #[error("the host calls the request invalid: {0}")]
    Invalid(String),
    /// The operator does not allow it; the text names the line of configuration that would.
    #[error("denied: {0}")]
    Denied(String),
    /// A limit was reached.
    #[error("{} allows {} and this would be {}; ask for less, or for a larger budget in `describe`",
        .0.dimension, .0.allowed, .0.wanted)]
    LimitExceeded(Limit),
    /// It took too long; the text says what did.
    #[error("timeout: {0}")]
    Timeout(String),
    /// The name has no address.
    #[error("{0}")]
    Dns(String),
    /// No connection, or it was lost.
    #[error("{0}")]
    Connection(String),
    /// The server could not prove who it is.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server's answer is no HTTP, or its head is too large.
    #[error("{0}")]
    Protocol(String),
    /// [`Response::ok`](super::Response::ok) was asked for, and the status is another.
    #[error("{url} answered with the status {status}")]
    Status {
        /// The status.
        status: u16,
        /// Where it came from.
        url: String,
    },
    /// The body is not what the kind takes it for: no UTF-8, no JSON of this type.
    #[error("the body of the response cannot be used: {0}")]
    Body(String),
}

impl Error {
    /// The word that a failure made of this error has as its kind.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "http_invalid",
            Self::Denied(_) => "http_denied",
            Self::LimitExceeded(_) => "http_limit_exceeded",
            Self::Timeout(_) => "http_timeout",
            Self::Dns(_) => "http_dns",
            Self::Connection(_) => "http_connection",
            Self::Tls(_) => "http_tls",
            Self::Protocol(_) => "http_protocol",
            Self::Status { .. } => "http_status",
            Self::Body(_) => "http_body",
        }
    }

    /// Whether the same request may go well later: the network's faults, and statuses that ask for patience (408, 425, 429
    /// and those of 500 and more).
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Dns(_) | Self::Connection(_) => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            _ => false,
        }
    }
}

impl From<Error> for Failure {
    /// Tried again after the task's own backoff if it may pass.
    fn from(error: Error) -> Self {
        let failure = Self::new(error.word(), error.to_string());
        if error.may_pass() { failure.retry() } else { failure }
    }
}
