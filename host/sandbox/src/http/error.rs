//! Why a request has no response, or no more of it.
//! Does not hold anything secret: its texts go to the guest and into logs.

use std::time::Duration;

use crate::Refusal;
use crate::shared_pool::NotFree;

/// Why a request has no response, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// The request is wrong. Nothing was sent.
    #[error("{0}")]
    Invalid(String),
    /// The operator does not allow it.
    #[error("{0}")]
    Denied(String),
    /// The same, for an address and not for a name.
    #[error("{0}")]
    DeniedAddress(String),
    /// A limit was reached.
    #[error("{dimension}: allowed {allowed}, wanted {wanted}")]
    LimitExceeded {
        /// Which.
        dimension: String,
        /// How much is allowed.
        allowed: u64,
        /// How much it would have been.
        wanted: u64,
    },
    /// It took too long.
    #[error("{what} took longer than {allowed_ms} ms")]
    Timeout {
        /// What did.
        what: &'static str,
        /// How long it may take.
        allowed_ms: u64,
    },
    /// The name has no address.
    #[error("{0}")]
    Dns(String),
    /// No connection, or it was lost.
    #[error("{0}")]
    Connection(String),
    /// The server could not prove who it is.
    #[error("{0}")]
    Tls(String),
    /// The answer is no HTTP.
    #[error("{0}")]
    Protocol(String),
}

impl HttpError {
    /// A limit that was reached.
    pub(crate) fn limit(dimension: &str, allowed: u64, wanted: u64) -> Self {
        Self::LimitExceeded { dimension: dimension.to_owned(), allowed, wanted }
    }

    /// What all guests share was in use for too long. The dimension says whose limit it is: the session's, or the host's.
    pub(crate) fn not_free(dimension: &str, full: NotFree) -> Self {
        let whose = if full.own_share { "session" } else { "host" };
        Self::limit(&format!("{whose}_{dimension}"), full.allowed, full.allowed.saturating_add(1))
    }

    /// What took longer than it may.
    pub(crate) fn timeout(what: &'static str, allowed: Duration) -> Self {
        Self::Timeout { what, allowed_ms: u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX) }
    }

    /// One word for metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Denied(_) | Self::DeniedAddress(_) => "denied",
            Self::LimitExceeded { .. } => "limit_exceeded",
            Self::Timeout { .. } => "timeout",
            Self::Dns(_) => "dns",
            Self::Connection(_) => "connection",
            Self::Tls(_) => "tls",
            Self::Protocol(_) => "protocol",
        }
    }
}

impl From<Refusal> for HttpError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::LimitExceeded { dimension, allowed, wanted } => Self::LimitExceeded { dimension, allowed, wanted },
            other => Self::Denied(format!("{other:?}")),
        }
    }
}
