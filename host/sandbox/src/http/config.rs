//! What an embedder can set about requests over HTTP as a whole.
//! Holds no grants: those belong to kinds.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::resolver::{Resolve, SystemResolver};

/// A certificate that servers may be vouched for by, beside those of the public authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootCertificate(pub(crate) CertificateDer<'static>);

/// A text that holds no certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no certificates: {problem}; expected PEM, which begins with -----BEGIN CERTIFICATE-----")]
pub struct InvalidCertificate {
    /// What is wrong.
    pub problem: String,
}

impl RootCertificate {
    /// A certificate in DER. Whether it is one is looked at when the sandbox is set up.
    #[must_use]
    pub fn from_der(der: Vec<u8>) -> Self {
        Self(der.into())
    }

    /// All certificates of a text in PEM.
    ///
    /// # Errors
    /// If there is none, or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Vec<Self>, InvalidCertificate> {
        let wrong = |problem: String| InvalidCertificate { problem };
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).map(|der| der.map(Self)).collect();
        let found = found.map_err(|error| wrong(error.to_string()))?;
        if found.is_empty() { Err(wrong("there is none in it".to_owned())) } else { Ok(found) }
    }
}

/// Settings of all requests over HTTP of a sandbox.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Who resolves names.
    pub resolver: Arc<dyn Resolve>,
    /// Certificates that servers may be vouched for by, beside those of the public authorities: a company's own.
    pub extra_roots: Vec<RootCertificate>,
    /// How long a connection may take to be made, the name's resolution and TLS included.
    pub connect_timeout: Duration,
    /// How long the head of a response may take.
    pub head_timeout: Duration,
    /// How long a body may pause, and how long one may lie unread by its guest before its connection is given up.
    pub idle_timeout: Duration,
    /// How long everything may take, redirects and body included, where a guest does not say.
    pub default_timeout: Duration,
    /// How long everything may take at most.
    pub max_timeout: Duration,
    /// How many bytes the body of one response may have.
    pub max_response_bytes: u64,
    /// How many responses one instance may have open at one time.
    pub max_open: u32,
    /// How many connections all instances may have at one time; those of one owner get three quarters of them at most. Who
    /// comes later waits, for as long as its request may take.
    pub max_connections: u32,
    /// How many names all instances may have looked up at one time, shared out in the same way: each holds a thread until the
    /// name server has answered.
    pub max_lookups: u32,
}

impl Default for HttpConfig {
    /// The system's resolver, no certificates of one's own, and limits for a laptop.
    fn default() -> Self {
        Self {
            resolver: Arc::new(SystemResolver),
            extra_roots: Vec::new(),
            // A name server that has to be asked twice, and a handshake around the world.
            connect_timeout: Duration::from_secs(10),
            // A page that is computed.
            head_timeout: Duration::from_secs(60),
            // Streams of events are kept alive twice a minute.
            idle_timeout: Duration::from_secs(60),
            default_timeout: Duration::from_secs(300),
            max_timeout: Duration::from_secs(3_600),
            // A quarter of what an attempt may move in all.
            max_response_bytes: 64 << 20,
            // What a browser opens for a whole page.
            max_open: 16,
            // Half of the descriptors that a process is given where nobody has said anything.
            max_connections: 512,
            // Threads that wait for a name server; a quarter of a second each, where one is far away.
            max_lookups: 32,
        }
    }
}
